/** R20: an apply or destroy that ends at any request is finished by the next one, and nothing of ours is lost sight of. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from '../../harness/describe-with';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { type Interruptible, type Interruption, startInterruptible } from './interruptible';
import { inventory, type Reconciler, reconciler } from './reconciling';

jest.setTimeout(900_000);

const role = (policy: string) => ({
  boundServiceAccountNames: ['driver'],
  boundServiceAccountNamespaces: ['storage'],
  tokenPolicies: [policy],
});
const reviewer = { mode: 'reviewer-token', tokenReviewerJwt: { secret: { name: 'reviewer', key: 'token' } } };
const config = { kubernetesHost: 'https://10.0.0.1', kubernetesCaCert: 'pem', reviewer };
const state = (root: object) => ({ owner: 'cut', namespaces: { '': root } });

/** From the first to the second one objects come, change, change hands and go. */
const first = state({
  mounts: {
    changes: { type: 'kv', version: 2, maxVersions: 3 },
    goes: { type: 'kv', version: 1 },
    'goes-with-key': { type: 'transit', keys: { k: {} } },
  },
  policies: { changes: { rules: [{ path: 'a', capabilities: ['read'] }] } },
  auth: { goes: { type: 'approle', roles: { r: { tokenPolicies: ['default'] } } } },
  quotas: { before: { path: 'changes', rate: 10 } },
});
const second = state({
  mounts: {
    changes: { type: 'kv', version: 2, maxVersions: 7, description: 'seven' },
    comes: { type: 'kv', version: 2, casRequired: true },
    wrap: { type: 'transit', keys: { k: { autoRotatePeriod: 3_600 } } },
  },
  policies: {
    changes: { rules: [{ path: 'b/{{identity.entity.aliases.{{accessor:auth/k8s}}.name}}', capabilities: ['read'] }] },
    foreign: { rules: [{ path: 'c', capabilities: ['read'] }] },
  },
  auth: { k8s: { type: 'kubernetes', config, roles: { driver: role('changes') } } },
  // One path takes one quota only: the old name must go first.
  quotas: { after: { path: 'changes', rate: 20 } },
});
const agreed = { adopt: ['sys/policies/acl/foreign'], deleteData: ['goes-with-key/keys/k', 'sys/mounts/wrap'] };

describeWith(['openbao'], 'a reconciler that is interrupted', () => {
  let bao: OpenBao;
  let way: Interruptible;
  let folder: string;
  let steady: Reconciler;
  let empty: Record<string, unknown>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-cut-'));
    mkdirSync(join(folder, 'storage/reviewer'), { recursive: true });
    writeFileSync(join(folder, 'storage/reviewer/token'), 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyIn0.c2lnbmF0dXJl');
    bao = await startOpenBao();
    way = await startInterruptible(bao.address);
    steady = reconciler(bao.address, bao.rootToken, folder);
    empty = await inventory(bao);
  });
  afterAll(async () => {
    steady?.close();
    await way?.close();
    await bao?.stop();
    rmSync(folder, { recursive: true });
  });

  const begin = async () => {
    await bao.expectOk('POST', 'sys/policies/acl/foreign', { policy: 'path "of others" {\n}\n' });
    await steady.apply(first);
  };
  const clear = async () => {
    await steady.destroy(first, { deleteData: ['sys/mounts/goes-with-key', 'sys/mounts/wrap'] });
    await bao.expectOk('DELETE', 'sys/policies/acl/foreign');
    expect(await inventory(bao)).toEqual(empty);
  };
  /** Whether the interruption was met: otherwise the run had fewer requests. */
  const isMet = async (
    interruption: Interruption,
    act: (keyward: Reconciler) => Promise<unknown>,
  ): Promise<boolean> => {
    way.reset(interruption);
    const keyward = reconciler(way.address, bao.rootToken, folder);
    try {
      await act(keyward);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: 'KMS_UNREACHABLE' });
      return true;
    } finally {
      keyward.close();
    }
  };

  test.each(['never-sent', 'lost'] as const)('apply, at every request (%s)', async (next) => {
    await begin();
    await steady.apply(second, agreed);
    const wanted = await inventory(bao);
    await clear();
    let after = 0;
    for (; ; after += 1) {
      await begin();
      const met = await isMet({ after, next }, (keyward) => keyward.apply(second, agreed));
      if (met) await steady.apply(second, agreed);
      expect({ after, found: await inventory(bao) }).toEqual({ after, found: wanted });
      expect((await steady.plan(second)).plan).toMatchObject({ changes: [], problems: [], forgotten: [] });
      await clear();
      if (!met) break;
    }
    expect(after).toBeGreaterThan(40);
  });

  test.each(['never-sent', 'lost'] as const)('destroy, at every request (%s)', async (next) => {
    await bao.expectOk('POST', 'sys/policies/acl/foreign', { policy: 'path "of others" {\n}\n' });
    const withForeign = await inventory(bao);
    let after = 0;
    for (; ; after += 1) {
      await steady.apply(first);
      const met = await isMet({ after, next }, (keyward) => keyward.destroy(first, agreed));
      if (met) await steady.destroy(first, agreed);
      expect({ after, found: await inventory(bao) }).toEqual({ after, found: withForeign });
      if (!met) break;
    }
    expect(after).toBeGreaterThan(20);
    await bao.expectOk('DELETE', 'sys/policies/acl/foreign');
  });

  test('what was never begun is not claimed: an object that another makes after a failure is foreign', async () => {
    const mine = { rules: [{ path: 'a', capabilities: ['read'] }] };
    const wanted = state({ mounts: { a: { type: 'kv', version: 1 } }, policies: { mine } });
    // The server lets no engine be put around another one.
    await bao.expectOk('POST', 'sys/mounts/a/b', { type: 'kv' });
    await expect(steady.apply(wanted)).rejects.toMatchObject({ code: 'KMS_DENIED' });
    await bao.expectOk('POST', 'sys/policies/acl/mine', { policy: 'path "theirs" {\n}\n' });
    const { plan } = await steady.plan(wanted);
    expect(plan.problems).toMatchObject([{ code: 'VAULT_FOREIGN', address: 'sys/policies/acl/mine' }]);
    await steady.destroy(wanted);
    await bao.expectOk('DELETE', 'sys/mounts/a/b');
    await bao.expectOk('DELETE', 'sys/policies/acl/mine');
    expect(await inventory(bao)).toEqual(empty);
  });
});
