// What control-plane nodes need for encryption of etcd. No controller applies it: an API server is configured by files of its node.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type App, Chart } from 'cdk8s';
import type { EncryptionStep } from '../../lib';
import { ApiServerEncryption, type ApiServerEncryptionOptions } from '../../lib/cdk8s';

/** Encryption of the API server's objects; nothing of it is an object of the cluster. */
export type ApiServerProps = Omit<ApiServerEncryptionOptions, 'delivery'> & EncryptionStep;

/** Declares it in a chart of its own. Throws what the construct throws. */
export function declareApiServer(app: App, props: ApiServerProps): ApiServerEncryption {
  return new ApiServerEncryption(new Chart(app, 'nodes'), 'encryption', props);
}

/** Writes the folder `nodes`: in `root` the files at their paths, beside it the part of the distribution's settings. */
export function writeNodes(outdir: string, { files, settings }: ApiServerEncryption): void {
  const folder = join(outdir, 'nodes');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, basename(settings.path)), settings.text);
  for (const { path, mode, text } of files) {
    const file = join(folder, 'root', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: Number.parseInt(mode, 8) });
  }
}
