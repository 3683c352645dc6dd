/** Rotation without CSI-Addons: arguments, mounts and rules of the driver (R2). */
import { Command } from 'commander';
import { addCsiCommand } from '../../../runtime/cli/csi';
import { container, podOf, rulesOf, synth } from './driver-fixture';

describe('a driver that rotates keys itself', () => {
  const manifests = synth({
    rotation: { precedence: 'storageclass', perMinute: 4, parallel: 1, staggerSeconds: 0, verify: 'off' },
    admin: true,
    adminSecret: { name: 'phrase' },
  });
  const { args, volumeMounts } = container(manifests, 'keyward');

  test('R2: it is told the schedule, where the API is, and the Secret', () => {
    expect(
      args.slice(args.indexOf('--kubelet-socket-path=/var/lib/kubelet/plugins/csi.keyward.io/csi.sock') + 1),
    ).toEqual([
      '--admin-endpoint=unix:///run/keyward/admin.sock',
      '--admin-secret=keyward-system/phrase',
      '--rotation',
      '--ca=/var/run/secrets/keyward/api/ca.crt',
      '--token-file=/var/run/secrets/keyward/api/token',
      '--rotation-precedence=storageclass',
      '--rotation-rate=4/min',
      '--rotation-parallel=1',
      '--rotation-stagger=0',
      '--verify-schedule=off',
      '--health-port=9808',
    ]);
  });

  test('the runtime knows every flag, and takes what is given for it', () => {
    const program = new Command();
    addCsiCommand(program, '0');
    const options = program.commands[0]?.options ?? [];
    for (const argument of args.slice(1)) {
      const [, flag = '', value] = /^(--[a-z-]+)(?:=(.*))?$/.exec(argument) ?? [];
      const option = options.find(({ long }) => long === flag);
      expect([flag, option?.long]).toEqual([flag, flag]);
      expect([flag, option?.required ?? false]).toEqual([flag, value !== undefined]);
      if (value !== undefined) expect(() => option?.parseArg?.(value, undefined)).not.toThrow();
    }
  });

  test('leaves to the runtime what the declaration does not say', () => {
    const short = container(synth({ rotation: {} }), 'keyward').args;
    expect(short.filter((each) => /rotation|verify|admin/.test(each))).toEqual(['--rotation']);
  });

  test('its mounts are apart from one another: the token for Vault keeps the usual place', () => {
    const paths = volumeMounts.map(({ mountPath }) => mountPath);
    expect(new Set(paths).size).toBe(paths.length);
    expect(volumeMounts).toEqual(
      expect.arrayContaining([
        { name: 'admin', mountPath: '/run/keyward' },
        { name: 'api-access', mountPath: '/var/run/secrets/keyward/api', readOnly: true },
      ]),
    );
    const names = podOf(manifests).spec.volumes.map(({ name }) => name);
    for (const { name } of volumeMounts) expect(names).toContain(name);
  });

  test('R14: it may read schedules and tell of rotations, and nothing more', () => {
    const known = (kind: 'ClusterRole' | 'Role') => rulesOf(synth(), kind).map((rule) => JSON.stringify(rule));
    const added = (kind: 'ClusterRole' | 'Role') =>
      rulesOf(manifests, kind)
        .filter((rule) => !known(kind).includes(JSON.stringify(rule)))
        .map(({ resources, verbs }) => [...resources, ...verbs]);
    expect(added('ClusterRole')).toEqual([
      ['persistentvolumes', 'persistentvolumeclaims', 'get', 'list'],
      ['namespaces', 'get'],
      ['events', 'create'],
      ['storageclasses', 'get'],
      ['encryptionkeyrotationcronjobs', 'get'],
    ]);
    expect(added('Role')).toEqual([['leases', 'get', 'create', 'patch']]);
  });

  test('the Secret is mounted as far as it goes, and what another mounts of it not twice', () => {
    const kms = {
      phrase: { type: 'metadata' },
      own: { type: 'metadata', secretName: 'phrase', secretNamespace: 'keyward-system' },
    } as const;
    const sources = podOf(synth({ rotation: {}, adminSecret: { name: 'phrase' } }, kms)).spec.volumes.find(
      ({ name }) => name === 'config',
    )?.projected?.sources as readonly {
      secret?: { items: { key: string }[]; optional?: true };
    }[];
    expect(
      sources.flatMap(({ secret }) => (secret ? [[secret.optional ?? false, secret.items.map(({ key }) => key)]] : [])),
    ).toEqual([
      [false, ['encryptionPassphrase']],
      [true, ['userID', 'userKey']],
    ]);
  });

  const ceph = { type: 'rbd', clusters: [{ clusterId: 'prod-a', monitors: ['10.0.0.11:6789'] }] } as const;

  test('the controller of a cluster-wide driver has no part in it', () => {
    const rbd = synth({
      backend: {
        ...ceph,
        credentials: [{ clusterId: 'prod-a', secret: { name: 'ceph-user' } }],
        pools: [{ clusterId: 'prod-a', pool: 'kube' }],
      },
      rotation: {},
      admin: true,
    });
    const deployment = rbd.find(({ kind }) => kind === 'Deployment');
    expect(JSON.stringify(deployment)).not.toMatch(/--rotation|--admin/);
    expect(JSON.stringify(rbd.find(({ kind }) => kind === 'DaemonSet'))).toMatch(/--admin-endpoint.*--rotation/);
  });

  test.each([
    [{ rotation: { perMinute: 0 } }, 'rotation.perMinute: got 0'],
    [{ rotation: { parallel: 65 } }, 'rotation.parallel: got 65'],
    [{ rotation: { staggerSeconds: -1 } }, 'rotation.staggerSeconds: got -1'],
    [{ rotation: { verify: 'weekly' } }, 'is not a schedule'],
    [{ adminSecret: { name: 'phrase' } }, 'adminSecret: got a Secret that nothing uses'],
    [{ admin: true, adminSecret: { name: 'phrase', namespace: 'other' } }, 'adminSecret: got a Secret in other'],
    [{ admin: true, backend: ceph }, 'backend.pools: got no pool, with admin'],
    [{ admin: true, backend: { ...ceph, pools: [] } }, 'backend.pools: got no pool, with admin'],
  ] as const)('refuses %j', (props, message) => {
    expect(() => synth(props)).toThrow(message);
  });
});
