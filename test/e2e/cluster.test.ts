/** The cluster in a box: what the tests of the two paths stand on. Boots a node. */
import { existsSync, readFileSync } from 'node:fs';
import { bootLimitMs, boxComponents, busyboxImage, ClusterBox } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';

jest.setTimeout(bootLimitMs);

describeWithGuest(boxComponents, 'the cluster in a box', () => {
  let cluster: ClusterBox;
  const networkBefore = hostNetwork();

  beforeAll(async () => {
    cluster = await ClusterBox.start();
  });
  afterAll(() => cluster?.stop());

  test('has a ready node of the pinned version', async () => {
    const { body } = await cluster.api.expectOk('GET', '/api/v1/nodes');
    expect(body.items).toHaveLength(1);
    expect(body.items[0].status.nodeInfo).toMatchObject({
      kubeletVersion: 'v1.34.4',
      containerRuntimeVersion: expect.stringMatching(/^containerd:/),
    });
  });

  test('runs a Pod, and shows what it wrote', async () => {
    await cluster.apply([pod('hello', 'echo "hello from $(hostname)"')]);
    await cluster.objects.untilPodSucceeded('default', 'hello');
    expect(await cluster.objects.podLog('default', 'hello')).toBe('hello from hello\n');
  });

  test('lets a Pod reach the API server and OpenBao by name, with tokens that both accept', async () => {
    const { expectOk } = bound(cluster.openBao);
    await expectOk('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
    await expectOk('POST', 'auth/kubernetes/config', {
      kubernetes_host: 'https://kubernetes.default.svc:443',
      kubernetes_ca_cert: cluster.openBao.caPem,
      token_reviewer_jwt: cluster.api.access.token,
    });
    await expectOk('POST', 'auth/kubernetes/role/pod', {
      bound_service_account_names: 'default',
      bound_service_account_namespaces: 'default',
      audience: 'vault',
    });
    // The shell's wget speaks no TLS that either of them takes: both answer plain HTTP with 400, which shows that they are there.
    const reach = (url: string) => `wget -O - http://${url} 2>&1 | sed 's|^|${url} |'`;
    const script = `${reach('kubernetes.default.svc:443')}; ${reach('vault.vault.svc:8200')}; cat /tokens/vault`;
    await cluster.apply([pod('reach', script, 'vault')]);
    await cluster.objects.untilPodSucceeded('default', 'reach');
    const log = await cluster.objects.podLog('default', 'reach');
    expect(log).toMatch(/^kubernetes\.default\.svc:443 .* 400 Bad Request$/m);
    expect(log).toMatch(/^vault\.vault\.svc:8200 .* 400 Bad Request$/m);
    const jwt = log.trimEnd().split('\n').at(-1);
    const login = await expectOk('POST', 'auth/kubernetes/login', { role: 'pod', jwt }, { token: null });
    expect(login.body.auth.metadata.service_account_name).toBe('default');
  });

  test('keeps pods and their files over a power cut of the node', async () => {
    await cluster.apply([pod('keeper', 'date >> /host/kept; sleep 100000', undefined, 'Always')]);
    await cluster.objects.untilPodReady('default', 'keeper');
    await cluster.runOnNode(['sync']);
    await cluster.rebootNode();
    await cluster.objects.untilFound('/api/v1/namespaces/default/pods/keeper', ({ status }) => {
      return status.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].ready;
    });
    const { stdout } = await cluster.runOnNode(['cat', '/var/lib/keyward-test/kept']);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });

  test('keeps what OpenBao holds over its restart', async () => {
    await cluster.openBao.expectOk('POST', 'sys/mounts/kept', { type: 'kv' });
    await cluster.openBao.expectOk('POST', 'kept/one', { value: 'here' });
    await cluster.restartOpenBao();
    expect((await cluster.openBao.expectOk('GET', 'kept/one')).body.data).toEqual({ value: 'here' });
  });

  test('leaves nothing on this machine', async () => {
    const { folder, pid } = { folder: cluster.status.folder, pid: cluster.pid };
    await cluster.stop();
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(hostNetwork()).toEqual(networkBefore);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(folder);
    expect(existsSync('/var/lib/keyward-test')).toBe(false);
  });
});

/** Names of the network devices of this machine. */
function hostNetwork(): readonly string[] {
  return readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .map((line) => line.split(':')[0]?.trim() ?? '');
}

function bound(openBao: ClusterBox['openBao']): { readonly expectOk: ClusterBox['openBao']['expectOk'] } {
  return { expectOk: (...args) => openBao.expectOk(...args) };
}

function pod(name: string, script: string, audience?: string, restartPolicy = 'Never') {
  const token = { serviceAccountToken: { audience: audience ?? 'unused', path: audience ?? 'unused' } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      restartPolicy,
      containers: [
        {
          name: 'main',
          image: busyboxImage,
          imagePullPolicy: 'Never',
          command: ['sh', '-c', script],
          volumeMounts: [
            { name: 'tokens', mountPath: '/tokens' },
            { name: 'host', mountPath: '/host' },
          ],
        },
      ],
      volumes: [
        { name: 'tokens', projected: { sources: [token] } },
        { name: 'host', hostPath: { path: '/var/lib/keyward-test', type: 'DirectoryOrCreate' } },
      ],
    },
  };
}
