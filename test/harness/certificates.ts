/** A toy certificate authority for test servers, through the openssl command line (3.0 or newer). */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireTool } from '../../tools/ensure';

export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface CertificateAuthority {
  readonly caFile: string;
  readonly caPem: string;
  /** Certificate for a server on 127.0.0.1 and localhost; `names`, of DNS or IP addresses, are added. */
  issueServer(name: string, names?: readonly string[]): Promise<Certificate>;
  /** Certificate for a client whose identity is the common name. */
  issueClient(commonName: string): Promise<Certificate>;
}

const execute = promisify(execFile);

/** Makes a CA whose files, and those of everything it issues, are in `folder`. @param days How long all of them are valid. */
export async function createCertificateAuthority(folder: string, days = 2): Promise<CertificateAuthority> {
  // Without a configuration of our own, openssl adds the distribution's default extensions, CA:TRUE among them.
  const configFile = join(folder, 'openssl.cnf');
  writeFileSync(configFile, '[req]\ndistinguished_name = subject\n[subject]\n');
  const issue = (request: Omit<Request, 'folder' | 'configFile' | 'days'>) =>
    issueCertificate({ ...request, folder, configFile, days });
  const ca = await issue({
    name: 'ca',
    commonName: 'keyward test CA',
    extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'],
  });
  const leaf = (name: string, commonName: string, extensions: readonly string[]) =>
    issue({ name, commonName, extensions: ['basicConstraints=critical,CA:FALSE', ...extensions], issuer: ca });
  return {
    caFile: ca.certificateFile,
    caPem: ca.certificatePem,
    issueServer: (name, names = []) => {
      const all = ['127.0.0.1', 'localhost', ...names].map((each) => `${isIP(each) === 0 ? 'DNS' : 'IP'}:${each}`);
      return leaf(name, name, ['extendedKeyUsage=serverAuth', `subjectAltName=${all.join(',')}`]);
    },
    issueClient: (commonName) => leaf(`client-${commonName}`, commonName, ['extendedKeyUsage=clientAuth']),
  };
}

interface Request {
  readonly folder: string;
  readonly configFile: string;
  readonly days: number;
  readonly name: string;
  readonly commonName: string;
  readonly extensions: readonly string[];
  readonly issuer?: Certificate;
}

async function issueCertificate({
  folder,
  configFile,
  days,
  name,
  commonName,
  extensions,
  issuer,
}: Request): Promise<Certificate> {
  const certificateFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  await execute(requireTool('openssl'), [
    ...['req', '-x509', '-config', configFile, '-subj', `/CN=${commonName}`, '-days', String(days)],
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile, '-out', certificateFile],
    ...extensions.flatMap((extension) => ['-addext', extension]),
    ...(issuer === undefined ? [] : ['-CA', issuer.certificateFile, '-CAkey', issuer.keyFile]),
  ]);
  const [certificatePem, keyPem] = [readFileSync(certificateFile, 'utf8'), readFileSync(keyFile, 'utf8')];
  return { certificateFile, keyFile, certificatePem, keyPem };
}
