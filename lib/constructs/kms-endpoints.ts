// Where the driver connects to for a KMS: what a firewall must let through.
import type { KmsSettings } from '../schema/kms';

/** A server. */
export interface KmsEndpoint {
  readonly host: string;
  readonly port: number;
}

/** The servers of a KMS. Without a host: it follows from credentials that are not known here, with the port of HTTPS. */
export function kmsEndpoints(settings: KmsSettings): readonly (KmsEndpoint | { readonly port: number })[] {
  switch (settings.type) {
    case 'vault':
    case 'vaulttokens':
    case 'vaulttenantsa':
    case 'vaulttransit':
      return [fromUrl(settings.address)];
    case 'kmip': {
      const [, host = settings.endpoint, port = '5696'] = /^\[?(.+?)\]?:(\d+)$/.exec(settings.endpoint) ?? [];
      return [{ host, port: Number(port) }];
    }
    case 'azure-kv':
      return [fromUrl(settings.vaultUrl), settings.authorityHost ? fromUrl(settings.authorityHost) : { port: 443 }];
    case 'ibmkeyprotect':
      return [fromUrl(settings.baseUrl), fromUrl(settings.tokenUrl)];
    case 'aws-metadata':
    case 'aws-sts-metadata':
      return [settings.endpointUrl ? fromUrl(settings.endpointUrl) : { port: 443 }];
    case 'metadata':
      return [];
    default:
      return settings satisfies never;
  }
}

function fromUrl(url: string): KmsEndpoint {
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) };
}
