/** Leases of a real API server: one leads, a leader that is silent or robbed stops, and one that ends gives way at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { KubernetesClient } from '../../runtime/kubernetes/client';
import { silentLog } from '../../runtime/log';
import { Leadership } from '../../runtime/rotation/schedule/leadership';
import { Secret } from '../../runtime/secret';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';

jest.setTimeout(300_000);
const namespace = 'default';
const limitMs = 120_000;

describeWith(['etcd', 'kube-apiserver'], 'leadership', () => {
  let kubernetes: Kubernetes;
  const leaders: Leader[] = [];
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterEach(async () => {
    for (const each of leaders.splice(0)) await each.close();
  });
  afterAll(() => kubernetes.stop());

  /** Works as long as it leads, and counts how often it began. */
  class Leader {
    works = false;
    began = 0;
    readonly #client: KubernetesClient;
    readonly #leadership: Leadership;

    /** By default so long that no standstill of a loaded machine ends it. */
    constructor(name: string, identity: string, leaseMs = 20_000) {
      const { url, caPem, adminToken } = kubernetes;
      const readCredentials = async () => ({ caPem, token: Secret.fromText(adminToken) });
      this.#client = new KubernetesClient({ address: url, readCredentials, timeoutMs: 1000 });
      this.#leadership = new Leadership(this.#client, {
        ...{ namespace, name, identity, leaseMs, log: silentLog },
        work: async (signal) => {
          this.works = true;
          this.began += 1;
          await sleep(2 ** 30, undefined, { signal }).catch(() => undefined);
          this.works = false;
        },
      });
      this.#leadership.start();
      leaders.push(this);
    }

    async close(): Promise<void> {
      await this.#leadership.close();
      this.#client.close();
    }
  }

  const path = (name: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  const spec = async (name: string) => (await kubernetes.expectOk('GET', path(name))).body.spec;

  async function until(what: string, isReached: () => boolean): Promise<void> {
    for (const end = Date.now() + limitMs; !isReached(); await sleep(50)) {
      if (Date.now() > end) throw new Error(`${what} after ${limitMs / 1000} s`);
    }
  }

  test('of many one works at a time, and its Lease says who, for how long and since when', async () => {
    const all = ['a', 'b', 'c', 'd'].map((identity) => new Leader('many', identity));
    await until('nobody works', () => all.some(({ works }) => works));
    for (let look = 0; look < 100; look += 1) {
      expect(all.filter(({ works }) => works).length).toBeLessThanOrEqual(1);
      await sleep(100);
    }
    await until('nobody works', () => all.some(({ works }) => works));
    const holder = 'abcd'[all.findIndex(({ works }) => works)];
    expect(await spec('many')).toMatchObject({
      holderIdentity: expect.stringMatching(new RegExp(`^${holder}_[-0-9a-f]{36}$`)),
      leaseDurationSeconds: 20,
      acquireTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z$/),
      renewTime: expect.stringMatching(/Z$/),
    });
  });

  test('one that ends gives the Lease back: the next waits for no end of it', async () => {
    const first = new Leader('returned', 'first', 3_600_000);
    await until('the first does not work', () => first.works);
    await first.close();
    expect(await spec('returned')).toMatchObject({ holderIdentity: '' });
    const next = new Leader('returned', 'next', 3_600_000);
    await until('the next does not work', () => next.works);
    expect(await spec('returned')).toMatchObject({ leaseTransitions: 1 });
  });

  test('a leader stops when another has taken the Lease, and does not take it back from one who renews it', async () => {
    const robbed = new Leader('robbed', 'robbed');
    await until('it does not work', () => robbed.works);
    const take = () =>
      kubernetes.expectOk(
        'PATCH',
        path('robbed'),
        { spec: { holderIdentity: 'other', renewTime: new Date().toISOString().replace('Z', '000Z') } },
        { contentType: 'application/merge-patch+json' },
      );
    for (const end = Date.now() + limitMs; robbed.works; await sleep(300)) {
      await take();
      if (Date.now() > end) throw new Error('it works on');
    }
    for (let look = 0; look < 20; look += 1) {
      await take();
      await sleep(300);
    }
    expect([robbed.works, robbed.began]).toEqual([false, 1]);
    // From here on nobody renews it.
    await until('it does not work again', () => robbed.works);
  });

  test('a Lease whose times are of a clock that is far ahead is taken all the same when nobody renews it', async () => {
    await kubernetes.expectOk('POST', path(''), {
      metadata: { name: 'ahead' },
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 1, renewTime: '2099-01-01T00:00:00.000000Z' },
    });
    const heir = new Leader('ahead', 'heir', 3000);
    await until('it does not work', () => heir.works);
  });

  test('a leader that cannot renew stops, and works again when the API answers', async () => {
    const leader = new Leader('silent', 'silent', 3000);
    await until('it does not work', () => leader.works);
    await kubernetes.halt();
    await until('it works on without a Lease', () => !leader.works);
    await kubernetes.restart();
    await until('it does not work again', () => leader.works);
  });
});
