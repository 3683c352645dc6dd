import { cephClass } from '../../../../lib/rules/examples/parts';
import { testTraps, workload } from '../trap-parts';

testTraps('KW12', [
  [
    'a node plugin of ceph-csi with too little',
    {
      objects: [
        cephClass(),
        workload({ args: ['--type=rbd', '--nodeserver=true'], resources: { limits: { memory: '256Mi' } } }),
      ],
    },
    'spec.containers[0].resources.limits.memory',
  ],
]);
