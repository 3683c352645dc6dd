/**
 * AWS Signature Version 4 for requests with a body and no query, which is all that KMS needs.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';
import type { Secret } from '../../secret';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: string | undefined;
}

export interface SignedRequest {
  readonly url: string;
  /** Lower-case names, without `host`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SigningScope {
  readonly region: string;
  /** Name of the service in signatures, e.g. `kms`. */
  readonly service: string;
  readonly at: Date;
}

const algorithm = 'AWS4-HMAC-SHA256';

/** The headers of a POST request with those that make it valid for about five minutes. */
export function signed(
  { url, headers, body }: SignedRequest,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  { region, service, at }: SigningScope,
): Readonly<Record<string, string>> {
  const { host, pathname } = new URL(url);
  const timestamp = at.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const date = timestamp.slice(0, 8);
  const sent = {
    ...headers,
    host,
    'x-amz-date': timestamp,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  };
  const sorted = Object.entries(sent).sort(([left], [right]) => (left < right ? -1 : 1));
  const names = sorted.map(([name]) => name).join(';');
  const lines = sorted.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}\n`).join('');
  const canonical = ['POST', pathname, '', lines, names, sha256(body)].join('\n');
  const scope = [date, region, service, 'aws4_request'];
  const toSign = [algorithm, timestamp, scope.join('/'), sha256(canonical)].join('\n');
  const key = secretAccessKey.use((bytes) => scope.reduce<Buffer>(hmac, Buffer.concat([Buffer.from('AWS4'), bytes])));
  const signature = hmac(key, toSign).toString('hex');
  const { host: _, ...given } = sent;
  const authorization = `${algorithm} Credential=${accessKeyId}/${scope.join('/')}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...given, authorization };
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}
