/** Access tokens of IBM Cloud for an API key: https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey */
import * as z from 'zod';
import type { Fresh } from '../../async/perishable';
import { JsonService, textMember } from '../../http/json-service';
import { Secret } from '../../secret';

const shape = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** @throws ServiceError KMS_DENIED and others; CodedError ABORTED */
export async function requestToken(tokenUrl: string, apiKey: string, signal: AbortSignal): Promise<Fresh<Secret>> {
  const { origin, pathname } = new URL(tokenUrl);
  const service = new JsonService({
    service: 'IBM Cloud IAM',
    address: origin,
    errorCodeOf: (body) => textMember(body, 'errorCode'),
    // BXNIM0415E: the API key could not be found. IAM answers it with 400.
    meaningOf: (errorCode) => (errorCode.startsWith('BXNIM04') ? refusedKey : undefined),
  });
  const body = new URLSearchParams({ grant_type: 'urn:ibm:params:oauth:grant-type:apikey', apikey: apiKey }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  try {
    const path = pathname.replace(/^\//, '');
    const answer = await service.request({ method: 'POST', path, headers, body, shape, signal });
    const { access_token: token, expires_in: seconds } = answer as z.output<typeof shape>;
    return { value: Secret.fromText(token), ttlMs: seconds * 1_000 };
  } finally {
    service.close();
  }
}

const refusedKey = {
  code: 'KMS_DENIED',
  what: 'does not accept the API key',
  remedy: 'Put a living API key into IBM_KP_SERVICE_API_KEY of the Secret.',
} as const;
