import { settleRuntimeConfig } from '../../../../lib/schema/runtime-config';
import { RbdBackEnds, type RbdBackEndsParts } from '../../../../runtime/device/rbd/rbd-back-ends';
import { silentLog } from '../../../../runtime/log';

const cluster = { clusterId: 'prod-a', pool: 'kube' };
const secret = { namespace: 'keyward-system', name: 'ceph-user' };
const access = { secrets: new Map(), keep: <T>(kept: T) => kept };

/** Nothing of it asks a cluster. */
function backEnds(given: object): RbdBackEnds {
  const { backend } = settleRuntimeConfig({ backend: { type: 'rbd', clustersFile: '/nowhere', ...given } });
  if (backend.type !== 'rbd') throw new Error('it was declared as rbd');
  const parts = { log: silentLog } as RbdBackEndsParts;
  return new RbdBackEnds(backend, parts);
}

test('refuses to list where no pool is named, rather than say that there is nothing', async () => {
  const without = backEnds({});
  expect(without.servesLists).toBe(false);
  await expect(without.all(access)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('lists each cluster once that has a pool to list', async () => {
  const pools = [cluster, { ...cluster, pool: 'other' }, { ...cluster, clusterId: 'prod-b' }];
  const credentials = ['prod-a', 'prod-b'].map((clusterId) => ({ clusterId, secret }));
  const listing = backEnds({ pools, credentials });
  expect(listing.servesLists).toBe(true);
  expect(await listing.all(access)).toHaveLength(2);
});
