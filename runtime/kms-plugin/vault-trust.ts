/** The files that TLS towards Vault needs: CA, and a client certificate where something in between asks for one. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../errors';
import { checkPair } from '../vault/auth/cert';
import { fingerprint } from '../vault/auth/credential-file';
import type { TlsOptions } from '../vault/tls';
import type { PluginSettings } from './settings/resolve';

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID. */
export async function readTrust({ config, given }: PluginSettings): Promise<TlsOptions> {
  const { caFile, caDirectory, clientCertificateFile, clientKeyFile, serverName, insecureSkipVerify } = config.vault;
  const caPem = given.caPem ?? (await readCa(caFile, caDirectory));
  const client = await readClient(clientCertificateFile, clientKeyFile);
  return {
    verify: !insecureSkipVerify,
    ...(caPem !== undefined && { caPem }),
    ...(serverName !== undefined && { serverName }),
    ...(client && { client }),
  };
}

/** Changes when one of the files is written or replaced. A file that is missing for a moment changes nothing. */
export async function trustFingerprint({ config }: PluginSettings): Promise<string | undefined> {
  const { caFile, caDirectory, clientCertificateFile, clientKeyFile } = config.vault;
  const paths = [caFile, caDirectory, clientCertificateFile, clientKeyFile].filter((path) => path !== undefined);
  try {
    return paths.map(fingerprint).join();
  } catch {
    return undefined;
  }
}

async function readCa(file: string | undefined, directory: string | undefined): Promise<string | undefined> {
  if (file !== undefined) return read(file);
  if (directory === undefined) return undefined;
  const names = await readdir(directory).catch((cause: unknown) => {
    throw unreadable(directory, cause);
  });
  const files = names.filter((name) => /\.(pem|crt|cer)$/.test(name)).sort();
  return (await Promise.all(files.map((name) => read(join(directory, name))))).join('\n');
}

async function readClient(
  certificateFile: string | undefined,
  keyFile: string | undefined,
): Promise<TlsOptions['client']> {
  if (certificateFile === undefined && keyFile === undefined) return undefined;
  if (certificateFile === undefined || keyFile === undefined) {
    throw new CodedError(
      'CONFIG_INVALID',
      'the client certificate for Vault lacks its key, or the key its certificate',
      {
        remedy: 'Give both --vault-client-cert and --vault-client-key.',
      },
    );
  }
  const [certificatePem, keyPem] = [await read(certificateFile), await read(keyFile)];
  checkPair(certificatePem, keyPem);
  return { certificatePem, keyPem };
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

function unreadable(path: string, cause: unknown): CodedError {
  return new CodedError('CONFIG_UNREADABLE', `${path} cannot be read`, {
    remedy: 'Mount the file into the container of the plugin and see that it may be read.',
    cause,
  });
}
