import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeIdentities, writeKubeconfig, writeTokenFile } from '../../../../tools/cluster/identities';

const folder = mkdtempSync(join(tmpdir(), 'keyward-identities-'));
afterAll(() => rmSync(folder, { recursive: true }));

const identities = makeIdentities(['node-1', 'node-2']);

test('makes a kubelet a member of the nodes, under the name that the Node authorizer knows', () => {
  expect(identities.kubelets.get('node-2')).toMatchObject({ user: 'system:node:node-2', groups: ['system:nodes'] });
});

test('gives everybody a token of his own', () => {
  const { kubelets, ...others } = identities;
  const tokens = [...Object.values(others), ...kubelets.values()].map(({ token }) => token);
  expect(new Set(tokens).size).toBe(5);
});

test('writes the token file as the API server reads it, for its owner only', () => {
  const file = join(folder, 'tokens.csv');
  writeTokenFile(file, identities);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[0]).toMatch(/^[0-9a-f]{48},admin,admin,"system:masters"$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('writes a kubeconfig that needs no other file, for its owner only', () => {
  const file = join(folder, 'kubeconfig');
  writeKubeconfig(file, { url: 'https://127.0.0.1:1', caPem: 'ca', token: 'secret' });
  const { clusters, users } = JSON.parse(readFileSync(file, 'utf8'));
  expect(clusters[0].cluster).toEqual({ server: 'https://127.0.0.1:1', 'certificate-authority-data': 'Y2E=' });
  expect(users[0].user).toEqual({ token: 'secret' });
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
