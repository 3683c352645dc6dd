/**
 * Access tokens of Microsoft Entra for an application with a certificate (OAuth 2.0 client credentials).
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
import * as z from 'zod';
import type { Fresh } from '../../async/perishable';
import { JsonService, textMember } from '../../http/json-service';
import type { Meaning } from '../../http/service-error';
import { Secret } from '../../secret';
import { type ClientCertificate, clientAssertion } from './assertion';

export interface EntraApplication {
  /** Address of Entra. */
  readonly authorityHost: string;
  readonly tenantId: string;
  readonly clientId: string;
  /** What the token is for, e.g. `https://vault.azure.net`. */
  readonly resource: string;
}

const shape = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** @throws ServiceError KMS_DENIED and others; CodedError ABORTED */
export async function requestToken(
  { authorityHost, tenantId, clientId, resource }: EntraApplication,
  certificate: ClientCertificate,
  signal: AbortSignal,
  nowMs = Date.now(),
): Promise<Fresh<Secret>> {
  const service = new JsonService({ service: 'Microsoft Entra', address: authorityHost, errorCodeOf, meaningOf });
  const path = `${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
  const assertion = clientAssertion(certificate, { clientId, audience: `${service.url}/${path}`, nowMs });
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    scope: `${resource}/.default`,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  }).toString();
  try {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
    const answer = await service.request({ method: 'POST', path, headers, body, shape, signal });
    const { access_token: token, expires_in: seconds } = answer as z.output<typeof shape>;
    return { value: Secret.fromText(token), ttlMs: seconds * 1_000 };
  } finally {
    service.close();
  }
}

/** The number in front of Entra's description says more than the OAuth code: `AADSTS700027`. */
function errorCodeOf(body: unknown): string | undefined {
  const number = /^AADSTS\d{3,10}/.exec(textMember(body, 'error_description') ?? '')?.[0];
  return number ?? textMember(body, 'error');
}

function meaningOf(errorCode: string): Meaning | undefined {
  if (errorCode === 'temporarily_unavailable' || errorCode === 'AADSTS90033') return undefined;
  return {
    code: 'KMS_DENIED',
    what: 'does not let the driver log in',
    remedy:
      'Check AZURE_TENANT_ID and AZURE_CLIENT_ID, that the certificate is registered with the application and not expired, and the clock of the node.',
  };
}
