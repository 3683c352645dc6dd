/** `keyward etcd` on real API servers: who disagrees, what is left over, what is interrupted, and what it must not show (R15). */
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rotation } from '../../../runtime/etcd-rotation/outcome';
import type { PlannedResource } from '../../../runtime/etcd-rotation/plan';
import type { ClusterStatus } from '../../../runtime/etcd-rotation/status';
import { describeWith } from '../../harness/describe-with';
import { type EncryptingKubernetes, startEncryptingKubernetes } from '../../harness/encrypting-api-server';
import { eventually } from '../kms-plugin-fixture';
import { EtcdCommand, getSecret, type PluginProcess, putSecret, Site, storedAs } from './fixture';

jest.setTimeout(300_000);

const secretCount = 120;
const canary = 'canary-in-a-secret';

describeWith(['openbao', 'etcd', 'kube-apiserver'], 'keyward etcd', () => {
  let site: Site;
  let plugin: PluginProcess;
  let laggard: PluginProcess;
  let cluster: EncryptingKubernetes;
  let second: EncryptingKubernetes;
  let etcd: EtcdCommand;
  let blind: EtcdCommand;
  let version = 1;
  const resources = ['secrets', 'configmaps'];
  const provider = (socket: string) => ({ apiVersion: 'v2', name: 'vault', socket }) as const;
  const configMap = { metadata: { name: 'settings' }, data: { value: canary } };

  beforeAll(async () => {
    site = await Site.open();
    plugin = site.plugin();
    // Told of a new version by a restart only.
    laggard = site.plugin(['--poll-seconds=3600']);
    await Promise.all([plugin.start(), laggard.start()]);
    // As it is when encryption is turned on: what was there before is plain text.
    cluster = await startEncryptingKubernetes({ providers: ['identity'], resources });
    await putSecret(cluster, 'plain', canary);
    await cluster.restart({ providers: [provider(plugin.socket), 'identity'] });
    second = await cluster.another({ providers: [provider(laggard.socket), 'identity'] });
    await cluster.createSecrets(secretCount);
    await cluster.kubernetes.expectOk('POST', '/api/v1/namespaces/default/configmaps', configMap);
    etcd = new EtcdCommand(site, [cluster, second]);
    blind = new EtcdCommand(site, [cluster, second], false);
  });
  afterAll(async () => {
    await second?.stop();
    await cluster?.stop();
    await site?.close();
  });

  /** Rotates transit, and waits until both API servers have heard of it. */
  const rotateTransit = async () => {
    version += 1;
    await site.rotateTransit();
    await laggard.end('SIGTERM');
    await laggard.start();
    await eventually(async () => {
      await Promise.all([cluster, second].map(({ kubernetes }) => kubernetes.request('GET', '/readyz')));
      expect(etcd.json<ClusterStatus>('status').disagreement).toBeUndefined();
      await putSecret(second, `probe-${Date.now()}`, canary).catch(() => undefined);
      const {
        resources: [, secrets],
      } = etcd.json<ClusterStatus>('status');
      expect(secrets?.stored?.some(({ keyId, isCurrent }) => isCurrent && keyId?.includes(`:v${version}:`))).toBe(true);
    }, 90_000);
  };
  const secretsOf = ({ resources: all }: Rotation) => all.find(({ resource }) => resource === 'secrets');
  const failing = (args: readonly string[], command: EtcdCommand = etcd) => {
    const { status, stderr, stdout } = command.run('rotate', args);
    expect(stderr + stdout).not.toContain(canary);
    return { status, code: /keyward: ([A-Z_]+):/.exec(stderr)?.[1], stderr };
  };

  test('status names the plain text that was left over, and all that is encrypted', () => {
    const status = etcd.json<ClusterStatus>('status');
    expect(status.resources.map(({ resource }) => resource)).toEqual(['configmaps', 'secrets']);
    const rows = status.resources[1]?.stored ?? [];
    expect(rows).toEqual([
      expect.objectContaining({ provider: 'k8s:enc:kms:v2:vault:', count: secretCount, isCurrent: true }),
      { provider: 'identity', count: 1, isCurrent: false },
    ]);
  });

  test('--dry-run says what would be rewritten, and writes nothing', async () => {
    const before = await cluster.stored('secrets/default/plain');
    const planned = etcd.json<readonly PlannedResource[]>('rotate', ['--dry-run']);
    expect(planned.find(({ resource }) => resource === 'secrets')).toMatchObject({
      total: secretCount + 1,
      toRewrite: 1,
    });
    expect(await cluster.stored('secrets/default/plain')).toEqual(before);
  });

  test('encrypts what was plain text, and proves it without etcd', async () => {
    const rotation = blind.json<Rotation>('rotate', ['--rate', '1000']);
    expect(rotation.proven).toBe(true);
    expect(secretsOf(rotation)).toMatchObject({ proof: { kind: 'reads', count: secretCount + 1 } });
    expect((await storedAs(cluster, 'plain')).prefix).toBe('k8s:enc:kms:v2:');
    expect(await getSecret(cluster, 'plain')).toBe(canary);
  });

  test('refuses while one API server has not heard of the new version, names it, and rewrites nothing', async () => {
    version += 1;
    await site.rotateTransit();
    await eventually(async () => {
      await cluster.kubernetes.request('GET', '/readyz');
      expect(etcd.json<ClusterStatus>('status').disagreement).toContain(second.kubernetes.url);
    }, 60_000);
    const { status, code, stderr } = failing(['--wait-seconds', '3']);
    expect({ status, code }).toEqual({ status: 1, code: 'ETCD_KEY_IDS_DIFFER' });
    expect(stderr).toContain('waiting: ');
    expect((await storedAs(cluster, 'plain')).version).toBe(version - 1);
    // It goes on by itself as soon as the plugin of the other one knows.
    const running = etcd.spawn('rotate', ['--rate', '1000']);
    await laggard.end('SIGTERM');
    await laggard.start();
    expect(await once(running, 'exit')).toEqual([0, null]);
    expect((await storedAs(cluster, 'plain')).version).toBe(version);
    expect((await cluster.stored('configmaps/default/settings'))?.toString('latin1')).toContain(`kms:v${version}:`);
  });

  test('waits for the key id that it is given, and refuses another', async () => {
    const { code, status } = failing(['--key-id', 'transit:transit/kms:v99', '--wait-seconds', '1']);
    expect({ code, status }).toEqual({ code: 'ETCD_KEY_IDS_DIFFER', status: 1 });
    const target = secretsOf(etcd.json<Rotation>('rotate', ['--rate', '1000']))?.target;
    expect(target?.keyId).toContain(`:v${version}:`);
    for (const keyId of [target?.keyId, target?.keyIdHash]) {
      expect(etcd.run('rotate', ['--key-id', keyId ?? '', '--dry-run'])).toMatchObject({ status: 0 });
    }
  });

  test.each([
    ['by what etcd shows', true],
    ['by its state file', false],
  ])('goes on after a kill, %s', async (_, withEtcd) => {
    await rotateTransit();
    const state = join(site.folder, `state-${withEtcd}.json`);
    const command = withEtcd ? etcd : blind;
    const args = ['--resource', 'secrets', ...(withEtcd ? [] : ['--state', state])];
    const running = command.spawn('rotate', [...args, '--rate', '60', '--parallel', '2']);
    await eventually(async () => {
      // The second batch is under way.
      if (withEtcd) expect((await storedAs(cluster, 'bulk-50')).version).toBe(version);
      else expect(existsSync(state)).toBe(true);
    }, 60_000);
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
    const { stdout, stderr, status } = command.run('rotate', [...args, '--rate', '1000', '--output', 'json']);
    expect(status).toBe(0);
    const secrets = secretsOf(JSON.parse(stdout) as Rotation);
    expect(secrets?.proof.count).toBeGreaterThan(secretCount);
    expect(secrets?.written).toBeLessThan(secretCount);
    expect(secrets?.written).toBeGreaterThan(0);
    if (!withEtcd) expect(stderr).toContain('100 were done before');
    expect(existsSync(state)).toBe(false);
  });

  test('does not mind objects that are deleted or written meanwhile', async () => {
    await rotateTransit();
    await cluster.createSecrets(60, 'fleeting-');
    await rotateTransit();
    const running = etcd.spawn('rotate', ['--rate', '60', '--resource', 'secrets']);
    const ended = once(running, 'exit');
    for (let index = 0; index < 60; index += 1) {
      const at = `/api/v1/namespaces/default/secrets/fleeting-${index}`;
      const patch = { metadata: { annotations: { round: String(index) } } };
      await cluster.kubernetes.expectOk('PATCH', at, patch, { contentType: 'application/merge-patch+json' });
      if (index % 2 === 0) await cluster.kubernetes.expectOk('DELETE', at);
    }
    expect(await ended).toEqual([0, null]);
  });

  test('an object that cannot be decrypted is named, the others are rewritten, and nothing counts as proved', async () => {
    await putSecret(cluster, 'damaged', canary);
    await rotateTransit();
    const at = 'secrets/default/damaged';
    const good = await cluster.stored(at);
    if (!good) throw new Error('etcd has no such Secret');
    const bad = Buffer.from(good);
    bad.fill(7, 30, 60);
    await cluster.store(at, bad);
    try {
      expect(
        (await cluster.kubernetes.request('GET', `/api/v1/namespaces/default/${at.replace('/default', '')}`)).status,
      ).toBe(500);
      expect(await getSecret(cluster, 'plain')).toBe(canary);
      const { status, stdout, stderr } = etcd.run('rotate', ['--rate', '1000', '--output', 'json']);
      expect(stderr).toContain('ETCD_ROTATION_UNPROVEN');
      expect(status).toBe(1);
      const rotation = JSON.parse(stdout) as Rotation;
      expect(rotation).not.toHaveProperty('advice');
      const secrets = secretsOf(rotation);
      expect(secrets?.refused.map(({ key }) => key)).toEqual(['default/damaged']);
      expect(secrets?.proof.fault).toContain('default/damaged');
      expect((await storedAs(cluster, 'plain')).version).toBe(version);
    } finally {
      await cluster.store(at, good);
    }
    await eventually(async () => expect(failing(['--rate', '1000']).status).toBe(0), 120_000);
    expect(await getSecret(cluster, 'damaged')).toBe(canary);
  });

  test.each([
    ['a resource that there is not', ['--resource', 'widgets.example.com'], 1, 'CONFIG_INVALID'],
    ['an etcd that is none', ['--etcd', 'http://127.0.0.1:1/path'], 1, 'CONFIG_INVALID'],
    ['a wrong prefix', ['--etcd-prefix', '/elsewhere'], 1, 'CONFIG_INVALID'],
    ['a CA that is not there', ['--etcd-ca', '/absent.pem'], 1, 'CONFIG_UNREADABLE'],
    ['a certificate without its key', ['--etcd-cert', '/absent.pem'], 1, 'CONFIG_INVALID'],
    [
      'an API server that is not there',
      ['--api-server', 'https://127.0.0.1:1', '--wait-seconds', '0'],
      1,
      'KMS_UNREACHABLE',
    ],
    ['a token that is not there', ['--token-file', '/absent'], 1, 'CONFIG_UNREADABLE'],
    ['an unknown flag', ['--everything'], 2, undefined],
    ['a rate of zero', ['--rate', '0'], 2, undefined],
  ])('refuses %s', (_, args, status, code) => {
    expect(failing(args)).toMatchObject({ status, code });
  });

  test('refuses a state file that is none, and leaves it', () => {
    const state = join(site.folder, 'precious');
    writeFileSync(state, 'precious');
    expect(failing(['--state', state], blind)).toMatchObject({ status: 1, code: 'CONFIG_INVALID' });
  });

  test('a caller without rights is told which are needed', async () => {
    await cluster.kubernetes.request('POST', '/api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'nobody' },
    });
    const tokenFile = join(site.folder, 'nobody');
    writeFileSync(tokenFile, await cluster.kubernetes.serviceAccountToken('default', 'nobody'));
    expect(failing(['--token-file', tokenFile])).toMatchObject({ status: 1, code: 'KMS_DENIED' });
  });

  test('shows no content of any object (R11)', () => {
    for (const command of ['status', 'rotate'] as const) {
      const { stdout, stderr } = etcd.run(command);
      const shown = stdout + stderr;
      for (const secret of [canary, Buffer.from(canary).toString('base64'), cluster.kubernetes.adminToken])
        expect(shown).not.toContain(secret);
      expect(shown).toContain('secrets: ');
    }
  });
});
