import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ruleExamples } from '../../../lib/rules/examples/examples';
import { rules } from '../../../lib/rules/rules';
import { bundle } from '../../../tools/bundle';
import { byPlugin } from './cdk8s-plugin';
import { byConstructs, byLint, byPolicies } from './ways';

const folder = mkdtempSync(join(tmpdir(), 'keyward-four-ways-'));
const executable = join(folder, 'keyward.cjs');
beforeAll(() => bundle('runtime/bin/keyward.ts', executable));
afterAll(() => rmSync(folder, { recursive: true }));

const ways = {
  'validation of constructs': byConstructs,
  'the validation plugin of the cdk8s CLI': byPlugin,
  'the policies of Pulumi': byPolicies,
  'keyward lint': (input: Parameters<typeof byConstructs>[0]) => byLint(executable, input),
} as const;

describe.each(Object.entries(ways))('through %s', (_, run) => {
  test.each(rules.map(({ id, title }) => [id, title] as const))(
    '%s (%s) fails its failing example and passes its passing one',
    async (id) => {
      const examples = ruleExamples[id];
      if (examples === undefined) throw new Error(`no examples for ${id}`);
      expect(await run(examples.failing)).toContain(id);
      expect(await run(examples.passing)).toEqual([]);
    },
    240_000,
  );
});
