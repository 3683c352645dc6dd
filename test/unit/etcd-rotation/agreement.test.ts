/** What API servers report, whether they agree (R15), and what a proof by their metrics needs. */
import { agreement, unheard } from '../../../runtime/etcd-rotation/agreement';
import { encryptedResources, likelyTarget } from '../../../runtime/etcd-rotation/encrypted-resources';
import { faultIn } from '../../../runtime/etcd-rotation/proof';
import { isOfInterest, type ServerReport, serverReport } from '../../../runtime/etcd-rotation/server-report';
import { hashOf } from '../../../runtime/etcd-rotation/stored-value';

const prefix = 'k8s:enc:kms:v2:vault:';
const status = (keyId: string, at: number, provider = 'vault') =>
  `apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds{apiserver_id_hash="${hashOf('apiserver-a')}",key_id_hash="${hashOf(keyId)}",provider_name="${provider}"} ${at}`;
const operations = (count: number, provider = prefix, resource = 'secrets', direction = 'from_storage') =>
  `apiserver_storage_transformation_operations_total{resource="${resource}",status="OK",transformation_type="${direction}",transformer_prefix="${provider}"} ${count}`;
const uses = (keyId: string, count: number) =>
  `apiserver_envelope_encryption_key_id_hash_total{apiserver_id_hash="x",key_id_hash="${hashOf(keyId)}",provider_name="vault",transformation_type="from_storage"} ${count}`;
const report = (...lines: string[]) => serverReport('https://a', lines.filter(isOfInterest));
const named = (address: string, ...lines: string[]): ServerReport => ({ ...report(...lines), address });

describe('API servers agree', () => {
  test('when each says the same now, whatever it said before', () => {
    const found = agreement([report(status('old', 1), status('new', 1.7953924e9)), report(status('new', 5))]);
    expect(found).toEqual({ agreed: true, keyIdHashes: new Map([['vault', hashOf('new')]]) });
  });

  test.each([
    [
      'one says another key id',
      [report(status('new', 2)), named('https://b', status('old', 9))],
      undefined,
      'https://b',
    ],
    ['one has heard nothing', [report(status('new', 2)), named('https://b')], undefined, 'https://b'],
    ['all say another than the wanted one', [report(status('old', 2))], hashOf('new'), hashOf('new')],
    [
      'one of two providers differs',
      [report(status('a', 1), status('b', 1, 'other')), named('https://b', status('a', 1), status('c', 1, 'other'))],
      undefined,
      'other',
    ],
  ])('not when %s', (_, reports, wanted, because) => {
    expect(agreement(reports, wanted)).toEqual({ agreed: false, because: expect.stringContaining(because) });
  });

  test('with KMS v1, of which no server reports a key id', () => {
    expect(agreement([report(), report()], hashOf('vault:v2')).agreed).toBe(true);
  });
});

describe('API servers that were not asked', () => {
  const leases = [
    { name: 'apiserver-a', renewedAt: 1_000_000 },
    { name: 'apiserver-b', renewedAt: 990_000 },
    { name: 'apiserver-dead', renewedAt: 1_000 },
  ];

  test('are found by their Leases, dead ones left out', () => {
    expect(unheard(leases, [report(status('k', 1))])).toEqual(['apiserver-b']);
    expect(unheard(leases.slice(0, 1), [report(status('k', 1))])).toEqual([]);
  });

  test('are counted where the metrics name no identity', () => {
    expect(unheard(leases, [report()])).toHaveLength(1);
    expect(unheard(leases, [report(), report()])).toEqual([]);
    expect(unheard([], [report()])).toEqual([]);
  });
});

describe('the proof by reading', () => {
  const target = { provider: prefix, keyIdHash: hashOf('new') };
  const fault = (before: string[], after: string[], count = 3) =>
    faultIn(report(...before), report(...after), { resource: 'secrets', target, count });
  const start = [operations(10), uses('old', 7), uses('new', 3)];

  test('holds when all were read, under the target only', () => {
    expect(fault(start, [operations(13), uses('old', 7), uses('new', 6)])).toBeUndefined();
    // What others read of other resources under another provider does not count.
    expect(
      fault(start, [operations(13), operations(9, 'identity', 'configmaps'), uses('old', 7), uses('new', 6)]),
    ).toBeUndefined();
  });

  test.each([
    ['an object was under the old key', [operations(13), uses('old', 8), uses('new', 5)]],
    ['an object was plain text', [operations(12), operations(1, 'identity'), uses('old', 7), uses('new', 5)]],
    ['not all were seen', [operations(12), uses('old', 7), uses('new', 5)]],
    ['the API server was restarted meanwhile', [operations(2), uses('new', 2)]],
  ])('fails when %s', (_, after) => {
    expect(fault(start, after)).toEqual(expect.any(String));
  });
});

test('what is encrypted, and where it is written, follows from what was read and written', () => {
  const reports = [
    report(
      status('k', 1),
      operations(1),
      operations(4, 'identity', 'configmaps'),
      operations(1, prefix, 'secrets', 'to_storage'),
    ),
  ];
  expect(encryptedResources(reports)).toEqual(['secrets']);
  expect(encryptedResources([report()])).toEqual(['secrets']);
  expect(likelyTarget(reports, 'secrets')).toEqual({ provider: prefix, keyIdHash: hashOf('k') });
  expect(likelyTarget([report()], 'secrets')).toBeUndefined();
});

test('metrics with escapes, comments and values that are none are read without harm', () => {
  const odd =
    'apiserver_storage_transformation_operations_total{resource="a\\"b",status="OK",transformation_type="to_storage",transformer_prefix="x\\\\y"} 2';
  expect(
    report('# HELP x', odd, operations(Number.NaN), 'apiserver_storage_transformation_operations_total{').operations,
  ).toEqual([{ resource: 'a"b', direction: 'to_storage', provider: 'x\\y', count: 2 }]);
});
