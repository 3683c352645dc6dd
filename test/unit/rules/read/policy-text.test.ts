import * as fc from 'fast-check';
import { policyRulesOf } from '../../../../lib/rules/read/policy-text';
import { toHcl } from '../../../../lib/vault/hcl';
import { capabilities } from '../../../../lib/vault/state';

test('reads back every policy that we write', () => {
  const path = fc.stringMatching(/^[a-z{][a-z0-9/{}+*._-]{0,30}$/);
  const rule = fc.record({ path, capabilities: fc.uniqueArray(fc.constantFrom(...capabilities), { minLength: 1 }) });
  fc.assert(
    fc.property(fc.uniqueArray(rule, { minLength: 1, maxLength: 5, selector: (each) => each.path }), (rules) => {
      const read = policyRulesOf(toHcl({ rules })) ?? [];
      const plain = (all: readonly { path: string; capabilities: readonly string[] }[]) =>
        Object.fromEntries(all.map((each) => [each.path, [...each.capabilities].sort()]));
      expect(plain(read)).toEqual(plain(rules));
    }),
  );
});

test('reads comments, one-line lists and what it does not look at', () => {
  const text = `
# of the team
path "secret/data/*" { capabilities = ["read", "list",] } // short
/* long */
path "transit/encrypt/kms" {
  capabilities = [
    "update"
  ]
  allowed_parameters = { "a" = [] }
  min_wrapping_ttl = "1m"
}`;
  expect(policyRulesOf(text)).toEqual([
    { path: 'secret/data/*', capabilities: ['read', 'list'] },
    { path: 'transit/encrypt/kms', capabilities: ['update'] },
  ]);
});

test('reads JSON', () => {
  expect(policyRulesOf('{"path": {"a/*": {"capabilities": ["read"]}}}')).toEqual([
    { path: 'a/*', capabilities: ['read'] },
  ]);
});

test.each([
  ['nothing', ''],
  ['an open bracket', 'path "a" { capabilities = ["read"]'],
  ['an old policy', 'path "a" { policy = "read" }'],
  ['an expression', 'path "a" { capabilities = var.x }'],
  ['another block', 'name = "x"\npath "a" { capabilities = ["read"] }'],
  ['a heredoc', 'path "a" { capabilities = <<E\nread\nE\n}'],
  ['no JSON', '{ path'],
])('rejects %s as a whole, so that no rule judges half of it', (_, text) => {
  expect(policyRulesOf(text)).toBeUndefined();
});

test('ends on any text', () => {
  const part = fc.constantFrom(
    'path ',
    '"a"',
    '{',
    '}',
    '[',
    ']',
    'capabilities',
    '=',
    ',',
    '"',
    '\\',
    '#',
    '\n',
    '/*',
  );
  fc.assert(fc.property(fc.array(part, { maxLength: 30 }), (parts) => void policyRulesOf(parts.join(''))));
});
