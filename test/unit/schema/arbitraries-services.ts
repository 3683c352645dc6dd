// Any settings of kmip, the cloud types and vaulttransit that the schema accepts.
import fc from 'fast-check';
import { type KmsProps, type KmsSettings, settleKms } from '../../../lib/schema/kms';
import { dnsName, vaultSettings } from './arbitraries';

// Not every DNS name is the host of a URL: one that ends like a number, or in broken punycode, is none.
const url = fc
  .tuple(dnsName, fc.constantFrom('', '/', '/base'))
  .map(([host, path]) => `https://${host}${path}`)
  .filter((text) => URL.canParse(text));
const region = fc.constantFrom('eu-central-1', 'us-gov-west-1', 'cn-north-1', 'eusc-de-east-1');
const seconds = fc.integer({ min: 0, max: 255 });

const kmip = fc.record({
  type: fc.constant('kmip' as const),
  endpoint: fc.tuple(dnsName, fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `${host}:${port}`),
  secretName: dnsName,
  serverName: dnsName,
  readTimeoutSeconds: seconds,
  writeTimeoutSeconds: seconds,
  useCryptoRpc: fc.boolean(),
});
const aws = fc.record({ type: fc.constant('aws-metadata' as const), region, secretName: dnsName, endpointUrl: url });
const sts = fc.record({ type: fc.constant('aws-sts-metadata' as const), secretName: dnsName, endpointUrl: url });
const azure = fc.record({
  type: fc.constant('azure-kv' as const),
  vaultUrl: url,
  clientId: fc.uuid(),
  tenantId: fc.uuid(),
  secretName: dnsName,
  authorityHost: url,
});
const ibm = fc.record({
  type: fc.constant('ibmkeyprotect' as const),
  serviceInstanceId: fc.uuid(),
  secretName: dnsName,
  baseUrl: url,
  tokenUrl: url,
});
const transit = fc
  .tuple(vaultSettings, dnsName, dnsName)
  .map(([{ address, namespace, authNamespace, tls, auth }, keyName, transitPath]) => ({
    type: 'vaulttransit' as const,
    keyName,
    transitPath,
    ...{ address, namespace, authNamespace, tls, auth },
  }));

/** Settings of any of these types. */
export const serviceSettings: fc.Arbitrary<KmsSettings> = fc
  .oneof<fc.Arbitrary<KmsProps>[]>(kmip, aws, sts, azure, ibm, transit)
  .map((props) => settleKms('any', props));
