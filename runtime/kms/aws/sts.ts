/**
 * AssumeRoleWithWebIdentity: a token of the cluster becomes credentials of a role, for an hour.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
import type { Fresh } from '../../async/perishable';
import { Origin } from '../../http/origin';
import { failuresOf, type Meaning, refused } from '../../http/service-error';
import { Secret } from '../../secret';
import { awsEndpoint } from './endpoints';
import type { AwsCredentials } from './sigv4';

export interface AssumedRole {
  readonly region: string;
  readonly roleArn: string;
  /** Default: that of the region. */
  readonly endpointUrl?: string | undefined;
}

const service = 'AWS STS';
const failures = failuresOf(service);
/** ceph-csi's own: trust policies may name it. */
const sessionName = 'ceph-csi-aws-sts-metadata';

/** @throws ServiceError KMS_DENIED and others */
export async function assumeRole(
  { region, roleArn, endpointUrl = awsEndpoint('sts', region) }: AssumedRole,
  token: Secret,
  signal: AbortSignal,
  now: () => number = Date.now,
): Promise<Fresh<AwsCredentials>> {
  const origin = new Origin({ address: endpointUrl }, failures);
  const doing = `AssumeRoleWithWebIdentity at ${origin.address}`;
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: roleArn,
    RoleSessionName: sessionName,
    WebIdentityToken: token.use((bytes) => bytes.toString('latin1')),
  });
  try {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await origin.send({ method: 'POST', path: '', headers, body: form.toString(), signal });
    const xml = answer.body.toString('utf8');
    if (answer.status !== 200) {
      const errorCode = element(xml, 'Code');
      throw refused(service, { status: answer.status, errorCode }, doing, meanings[errorCode ?? '']);
    }
    return readCredentials(xml, doing, now());
  } finally {
    origin.close();
  }
}

function readCredentials(xml: string, doing: string, nowMs: number): Fresh<AwsCredentials> {
  const accessKeyId = element(xml, 'AccessKeyId');
  const secretAccessKey = element(xml, 'SecretAccessKey');
  const sessionToken = element(xml, 'SessionToken');
  const ttlMs = Date.parse(element(xml, 'Expiration') ?? '') - nowMs;
  if (!accessKeyId || !secretAccessKey || !sessionToken || !(ttlMs > 0)) {
    throw failures.notUnderstood(doing, 'has no usable credentials');
  }
  return { value: { accessKeyId, secretAccessKey: Secret.fromText(secretAccessKey), sessionToken }, ttlMs };
}

/** Text of the only element of this name. None of those that are read can hold an entity or another element. */
function element(xml: string, name: string): string | undefined {
  const found = [...xml.matchAll(new RegExp(`<${name}>([^<>&\\s]{1,8192})</${name}>`, 'g'))];
  return found.length === 1 ? found[0]?.[1] : undefined;
}

const roleRemedy =
  'Check the trust policy of the role, the identity provider at AWS, and audience and subject of the projected token.';

const meanings: Readonly<Record<string, Meaning>> = {
  AccessDenied: { code: 'KMS_DENIED', what: 'does not let the driver assume the role', remedy: roleRemedy },
  InvalidIdentityToken: { code: 'KMS_DENIED', what: 'does not accept the token', remedy: roleRemedy },
  IDPRejectedClaim: { code: 'KMS_DENIED', what: 'does not accept the claims of the token', remedy: roleRemedy },
  ExpiredTokenException: {
    code: 'KMS_DENIED',
    what: 'does not accept the token, which has expired',
    remedy: 'See that the kubelet refreshes the projected token, and that the clock of the node is right.',
  },
  IDPCommunicationError: {
    code: 'KMS_UNREACHABLE',
    what: 'cannot reach the issuer of the token',
    remedy: "Make the keys of the cluster's issuer public; the call can then be repeated.",
  },
  RegionDisabledException: {
    code: 'CONFIG_INVALID',
    what: 'is switched off in this region',
    remedy: 'Activate STS for the region in the account, or use another region.',
  },
  Throttling: { code: 'KMS_THROTTLED', what: 'asks for fewer requests', remedy: 'Spread the calls over more time.' },
};
