import { kmsTypeNames, kmsTypes } from '../../../lib/schema/kms';
import { read, tableRows } from './markdown';

const compatibility = read('docs/compatibility.md');

test('docs/compatibility.md lists every KMS type that this version runs, in the words of its definition', () => {
  const defined = Object.values(kmsTypes).map(({ type, family, docs }) => [type, family, docs]);
  expect(tableRows(compatibility, 'type')).toEqual(defined);
});

test('what docs/compatibility.md says of the types that are refused is so', () => {
  const refused = kmsTypeNames.filter((name) => !Object.hasOwn(kmsTypes, name));
  expect(compatibility).toContain("Of ceph-csi's types\nonly `default` is refused");
  expect(refused.filter((name) => name !== 'vaulttransit')).toEqual(['default']);
});
