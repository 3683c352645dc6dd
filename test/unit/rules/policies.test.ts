import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { AnalyzerClient } from '@pulumi/pulumi/proto/analyzer_grpc_pb';
import * as analyzer from '@pulumi/pulumi/proto/analyzer_pb';
import { cephClass, cephParameters, kmsConfig, vaultSection } from '../../../lib/rules/examples/parts';
import { rules } from '../../../lib/rules/rules';
import { root } from '../docs/markdown';
import { analyzeStack, resourceOf } from './ways';

type Fields = Parameters<typeof resourceOf>[0];

/** What the engine sends for a text that only the update will know. */
const unknownText = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', namespace: 'n' },
  stringData: { token: 'not a token' },
};

test('names the resource, and the policy by id and slug', async () => {
  const object = cephClass({ ...cephParameters, encrypted: 'yes' }) as Fields;
  const [found, ...more] = await analyzeStack([resourceOf(object)]);
  expect(found).toMatchObject({
    policy: 'kw01-encryption-ignored',
    urn: expect.stringContaining('StorageClass'),
    level: 1,
  });
  expect(more).toEqual([]);
});

test('tells warnings by an advisory policy', async () => {
  const { vaultBackend: _, ...section } = vaultSection;
  const found = await analyzeStack([resourceOf(kmsConfig({ 'vault-eu': section }) as Fields)]);
  expect(found).toMatchObject([{ policy: 'keyward-warnings', level: 0, message: expect.stringContaining('KW03') }]);
});

test('a Secret that Pulumi keeps encrypted passes, and one that it does not is refused (R11, trap 15)', async () => {
  expect(await analyzeStack([resourceOf(secret)])).toMatchObject([{ policy: 'kw15-raw-secret' }]);
  expect(await analyzeStack([resourceOf(secret, ['data', 'stringData'])])).toEqual([]);
});

test('a value that only the update will know hides no other mistake', async () => {
  const object = cephClass({ ...cephParameters, clusterID: unknownText, encrypted: 'yes' }) as Fields;
  expect(await analyzeStack([resourceOf(object)])).toMatchObject([{ policy: 'kw01-encryption-ignored' }]);
});

test('resources of other providers are passed over', async () => {
  const bucket = resourceOf(secret);
  bucket.setType('aws:s3/bucket:Bucket');
  expect(await analyzeStack([bucket])).toEqual([]);
});

test('stacks/policy serves a policy for each rule to the engine, which finds what is wrong', async () => {
  const program = join(root, 'stacks/policy/main.ts');
  const server = spawn(process.execPath, ['--import', 'tsx', program], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const port = await new Promise<string>((resolve, reject) => {
      server.stdout.once('data', (text: Buffer) => resolve(text.toString().trim()));
      server.once('exit', (code) => reject(new Error(`the policy pack ended with ${code}`)));
    });
    const client = new AnalyzerClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const request = new analyzer.AnalyzeStackRequest();
    request.setResourcesList([resourceOf(cephClass({ ...cephParameters, encrypted: 'yes' }) as Fields)]);
    const response = await new Promise<analyzer.AnalyzeResponse>((resolve, reject) => {
      client.analyzeStack(request, (error: Error | null, answer: analyzer.AnalyzeResponse) =>
        error ? reject(error) : resolve(answer),
      );
    });
    expect(response.getDiagnosticsList().map((each) => each.getPolicyname())).toEqual(['kw01-encryption-ignored']);
    client.close();
  } finally {
    server.kill();
  }
  expect(rules).toHaveLength(15);
}, 240_000);
