/**
 * KMS types `aws-metadata` and `aws-sts-metadata`: AWS KMS wraps each key. The stored text is ceph-csi's: the ciphertext
 * blob in standard base64, without encryption context, so that it does not say for which volume it is.
 */
import {
  type AwsMetadataKmsSettings,
  type AwsStsMetadataKmsSettings,
  awsCredentialKeys,
  awsRegion,
  awsStsSecretKeys,
  webIdentityTokenFile,
} from '../../../lib/schema/kms';
import { Perishable } from '../../async/perishable';
import { Recent } from '../../async/recent';
import { CodedError } from '../../errors';
import { hasErrorCode } from '../../http/json-service';
import type { SecretReader } from '../../secret-reader';
import { readCredential } from '../../vault/auth/credential-file';
import { fromBase64 } from '../base64';
import { driverNamespace, readCredentials } from '../credentials';
import type { CallContext, KeyReference, WrapsKeys } from '../provider';
import { AwsKms } from './kms-api';
import type { AwsCredentials } from './sigv4';
import { assumeRole } from './sts';

/** In practice one region; with STS one for each region that a tenant names. */
const maxRegions = 16;
/** Tenants, for whose roles credentials are kept. */
const maxRoles = 256;

interface Identity {
  readonly region: string;
  readonly keyArn: string;
  readonly credentials: AwsCredentials;
}

export function awsMetadataProvider(
  { region, secretName: name, endpointUrl }: AwsMetadataKmsSettings,
  deps: { readonly secrets: SecretReader; readonly podNamespace?: string | undefined },
): WrapsKeys {
  return wrapping(endpointUrl, async (_ref, _ctx, use) => {
    using secret = await readCredentials(deps.secrets, { namespace: driverNamespace(deps), name }, awsCredentialKeys);
    const credentials = {
      accessKeyId: secret.word('AWS_ACCESS_KEY_ID'),
      secretAccessKey: secret.secret('AWS_SECRET_ACCESS_KEY'),
      sessionToken: secret.optionalText('AWS_SESSION_TOKEN'),
    };
    return use({ region, keyArn: secret.word('AWS_CMK_ARN'), credentials });
  });
}

export function awsStsMetadataProvider(
  { secretName: name, endpointUrl }: AwsStsMetadataKmsSettings,
  { secrets }: { readonly secrets: SecretReader },
  { tokenFile = webIdentityTokenFile } = {},
): WrapsKeys {
  const roles = new Recent(maxRoles, (key) => {
    const [region = '', roleArn = ''] = key.split('\0');
    return new Perishable<AwsCredentials>(async (signal) => {
      using token = await readCredential(tokenFile, 'the web identity token');
      return assumeRole({ region, roleArn, endpointUrl }, token, signal);
    });
  });

  return wrapping(endpointUrl, async (ref, { signal }, use) => {
    using secret = await readCredentials(secrets, { namespace: tenantOf(ref), name }, { required: awsStsSecretKeys });
    const region = regionOf(secret.word('awsRegion'), secret.source);
    const keyArn = secret.word('awsCMKARN');
    const role = roles.get(`${region}\0${secret.word('awsRoleARN')}`);
    const credentials = await role.get(signal);
    try {
      return await use({ region, keyArn, credentials });
    } catch (error) {
      if (!hasErrorCode(error, 'ExpiredTokenException', 'UnrecognizedClientException')) throw error;
      // The session may have been revoked at AWS: once more with a new one.
      role.drop(credentials);
      return use({ region, keyArn, credentials: await role.get(signal) });
    }
  });
}

type AsIdentity = <T>(ref: KeyReference, ctx: CallContext, use: (identity: Identity) => Promise<T>) => Promise<T>;

function wrapping(endpointUrl: string | undefined, asIdentity: AsIdentity): WrapsKeys {
  const apis = new Recent(maxRegions, (region) => new AwsKms({ region, endpointUrl }));
  return {
    family: 'wraps',

    wrap: (ref, dek, ctx) =>
      asIdentity(ref, ctx, async ({ region, keyArn, credentials }) => {
        const blob = await apis.get(region).encrypt(keyArn, dek, credentials, ctx.signal);
        return blob.toString('base64');
      }),

    async unwrap(ref, wrapped, ctx) {
      const blob = fromBase64(wrapped);
      if (blob && blob.length > 0) {
        return asIdentity(ref, ctx, ({ region, credentials }) =>
          apis.get(region).decrypt(blob, credentials, ctx.signal),
        );
      }
      throw new CodedError('KMS_CIPHERTEXT_INVALID', 'the wrapped key is not in the form of the AWS KMS types', {
        remedy: 'Check that the volume names the KMS that wrapped its key; else restore its metadata from a backup.',
      });
    },

    async close() {
      apis.clear((api) => api.close());
    },
  };
}

function tenantOf({ owner, volumeId }: KeyReference): string {
  if (owner !== '') return owner;
  throw new CodedError('SECRET_MISSING', `the tenant of ${volumeId} is not known, and its Secret is there`, {
    remedy: 'Run the provisioner with --extra-create-metadata: it passes the namespace of the claim.',
  });
}

/** A tenant's word becomes a part of a host name. */
function regionOf(text: string, source: string): string {
  if (awsRegion.safeParse(text).success) return text;
  throw new CodedError('CONFIG_INVALID', `awsRegion in the Secret ${source} is not an AWS region`, {
    remedy: 'Write a region, e.g. eu-central-1.',
  });
}
