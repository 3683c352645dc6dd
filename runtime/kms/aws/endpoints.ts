/** Where AWS serves a region, by the partition that the region is in (botocore's endpoints.json). */

const suffixes: readonly (readonly [regions: RegExp, suffix: string])[] = [
  [/^cn-/, 'amazonaws.com.cn'],
  [/^eusc-/, 'amazonaws.eu'],
  [/^us-iso-/, 'c2s.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov'],
  [/^eu-isoe-/, 'cloud.adc-e.uk'],
  [/^us-isof-/, 'csp.hci.ic.gov'],
];

/** @param region checked before: it becomes a part of the host name */
export function awsEndpoint(service: 'kms' | 'sts', region: string): string {
  const suffix = suffixes.find(([regions]) => regions.test(region))?.[1] ?? 'amazonaws.com';
  return `https://${service}.${region}.${suffix}`;
}
