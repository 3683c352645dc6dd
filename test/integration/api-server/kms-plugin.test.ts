/** A real kube-apiserver with our KMS plugin, v2 and v1: its Secrets through restarts, outages, rotation and revocation. */
import { lstatSync } from 'node:fs';
import type { Rotation } from '../../../runtime/etcd-rotation/outcome';
import type { ClusterStatus } from '../../../runtime/etcd-rotation/status';
import { describeWith } from '../../harness/describe-with';
import { type EncryptingKubernetes, startEncryptingKubernetes } from '../../harness/encrypting-api-server';
import { eventually } from '../kms-plugin-fixture';
import { EtcdCommand, getSecret, type PluginProcess, putSecret, Site, storedAs } from './fixture';

jest.setTimeout(300_000);

describe.each(['v2', 'v1'] as const)('with KMS %s', (apiVersion) => {
  describeWith(['openbao', 'etcd', 'kube-apiserver'], 'an API server', () => {
    let site: Site;
    let plugin: PluginProcess;
    let cluster: EncryptingKubernetes;
    let etcd: EtcdCommand;
    beforeAll(async () => {
      site = await Site.open();
      plugin = site.plugin();
      await plugin.start();
      cluster = await startEncryptingKubernetes({
        providers: [{ apiVersion, name: 'vault', socket: plugin.socket }, 'identity'],
      });
      etcd = new EtcdCommand(site, [cluster]);
      await putSecret(cluster, 'first', 'canary-in-first');
    });
    afterAll(async () => {
      await cluster?.stop();
      await site?.close();
    });

    let made = 0;
    /** A new Secret can be written and is encrypted, and the first one can be read. */
    const works = async () => {
      made += 1;
      await eventually(() => putSecret(cluster, `later-${made}`, 'canary-in-later'), 60_000);
      expect((await storedAs(cluster, `later-${made}`)).prefix).toBe(`k8s:enc:kms:${apiVersion}:`);
      expect(await getSecret(cluster, 'first')).toBe('canary-in-first');
    };
    /** `keyward etcd status` finds every Secret under the plugin, of these versions of the key. */
    const statusShows = (versions: readonly number[]) => {
      const status = etcd.json<ClusterStatus>('status');
      expect(status.disagreement).toBeUndefined();
      expect(status.missing).toEqual([]);
      const rows = status.resources.find(({ resource }) => resource === 'secrets')?.stored ?? [];
      expect(rows.map(({ provider }) => provider)).toEqual(rows.map(() => `k8s:enc:kms:${apiVersion}:vault:`));
      const found = rows.map(({ keyId }) => Number(/v(\d+)(?::|$)/.exec(keyId?.replace(/^vault:/, '') ?? '')?.[1]));
      expect(found.sort()).toEqual(versions);
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(made + 1);
      return status;
    };

    test('encrypts Secrets: etcd holds neither value nor plain text', async () => {
      const value = await cluster.stored('secrets/default/first');
      expect(value?.subarray(0, 21).toString()).toBe(`k8s:enc:kms:${apiVersion}:vault:`);
      expect(value?.includes('canary-in-first')).toBe(false);
      await works();
      const { servers } = statusShows([1]);
      expect(servers[0]?.report?.keys.map(({ provider }) => provider)).toEqual(apiVersion === 'v2' ? ['vault'] : []);
    });

    test('reads them after its own restart, when it has no key in memory', async () => {
      await cluster.restart();
      await works();
      statusShows([1]);
    });

    test.each(['SIGTERM', 'SIGKILL'] as const)(
      'reads and writes after a restart of the plugin by %s',
      async (signal) => {
        await plugin.end(signal);
        // A plugin that was killed leaves its socket, which the next one replaces.
        if (signal === 'SIGKILL') expect(lstatSync(plugin.socket).isSocket()).toBe(true);
        else expect(() => lstatSync(plugin.socket)).toThrow();
        await plugin.start();
        await works();
        await cluster.restart();
        await works();
        statusShows([1]);
      },
    );

    test('goes on when the token of the plugin is revoked', async () => {
      await site.revokeTokens();
      await works();
      await cluster.restart();
      await works();
      statusShows([1]);
    });

    test('starts with a plugin that was started before Vault', async () => {
      await plugin.end('SIGTERM');
      await site.bao.halt();
      await plugin.start();
      const restarted = cluster.restart();
      // Long enough for the API server to have asked in vain.
      await eventually(async () => expect(plugin.log).toContain('KMS_UNREACHABLE'), 60_000);
      await site.bao.resume();
      await restarted;
      await works();
      statusShows([1]);
    });

    test('reads while Vault is away for a moment, and works when it is back', async () => {
      await site.bao.halt();
      expect(await getSecret(cluster, 'first')).toBe('canary-in-first');
      statusShows([1]);
      await site.bao.resume();
      await works();
    });

    test('after a rotation of transit writes under the new version, reads the old one, and is rewritten by keyward (R15)', async () => {
      await cluster.createSecrets(300);
      made += 300;
      await site.rotateTransit();
      const { proven, resources, advice } = await eventually(async () => {
        const rotation = etcd.json<Rotation>('rotate', ['--rate', '1000']);
        // With v2 without --key-id all API servers may still agree on the old one.
        expect((await storedAs(cluster, 'first')).version).toBe(2);
        return rotation;
      }, 120_000);
      expect(proven).toBe(true);
      expect(resources).toMatchObject([
        {
          resource: 'secrets',
          refused: [],
          proof: { kind: 'etcd', count: made + 1 },
          target: { provider: `k8s:enc:kms:${apiVersion}:vault:` },
        },
      ]);
      expect(advice).toMatchObject({ version: 2 });
      statusShows([2]);
      await works();
      // The proof of the proof: without the old version everything is read by an API server that remembers nothing.
      await site.bao.expectOk('POST', 'transit/keys/kms/config', { min_decryption_version: 2 });
      await cluster.restart();
      expect(await getSecret(cluster, 'first')).toBe('canary-in-first');
      expect(await getSecret(cluster, 'bulk-299')).not.toBe('');
    });

    test('a second rotation finds nothing to do, with or without etcd', () => {
      const [again] = etcd.json<Rotation>('rotate', ['--rate', '1000']).resources;
      // One object is touched to see under which key the API server writes.
      expect(again).toMatchObject({ written: 0, proof: { kind: 'etcd' } });
      const blind = new EtcdCommand(site, [cluster], false);
      const [read] = blind.json<Rotation>('rotate', ['--rate', '1000']).resources;
      expect(read).toMatchObject({ proof: { kind: apiVersion === 'v2' ? 'reads' : 'revisions', count: made + 1 } });
      expect(read?.written).toBe(apiVersion === 'v2' ? 1 : made + 1);
      const [used] = blind.json<ClusterStatus>('status').resources;
      expect(used?.used?.map(({ provider }) => provider)).toEqual([`k8s:enc:kms:${apiVersion}:vault:`]);
    });
  });
});
