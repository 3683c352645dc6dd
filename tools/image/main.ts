/** `npm run image`: the OCI image of keyward as one file, without Docker. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { progressPrinter } from '../progress-printer';
import { hostArchitecture } from './architecture';
import { FLAVOURS } from './contents';
import { defaultImageName } from './default-name';
import { ImageError } from './image-error';
import { keywardImage } from './keyward-image';
import { writeImage } from './write-image';

const HELP = `Usage: npm run image -- [--flavour FLAVOUR] [--tag NAME] [--file FILE] [--node FILE] [--output json]

Builds the image of keyward as one tar, an OCI image layout and a docker-archive at once, and its SBOM (SPDX 2.3)
beside it. What it needs of Debian is downloaded with apt-get, which needs no right; no Docker. The same sources,
Node.js and packages give the same bytes.

  --flavour FLAVOUR   ${FLAVOURS.join(' or ')}; ceph has what volumes of Ceph need as well. Default ${FLAVOURS[0]}
  --tag NAME          registry, path and tag. Default ${defaultImageName('standard')}, or the like
  --file FILE         where to write. Default dist/image/keyward-FLAVOUR-ARCHITECTURE.tar
  --node FILE         the Node.js to put in, 20 or newer. Default: the one that runs this
  --compression KIND  gzip or none. Default gzip
  --mirror URL        archive of Debian. Default http://deb.debian.org
  --output json       print a JSON object to stdout: name, digest, id, file, sbom, bytes
  --help              show this text

SOURCE_DATE_EPOCH, as seconds since 1970, is the time of creation; without it that of the last commit.
Take it in with: podman load -i FILE, docker load -i FILE, ctr -n k8s.io images import FILE,
skopeo copy oci-archive:FILE docker://NAME.

Exit codes: 0 built, 1 failed, 2 wrong usage.`;

const ROOT = join(__dirname, '../..');

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      flavour: { type: 'string', default: FLAVOURS[0] },
      tag: { type: 'string' },
      file: { type: 'string' },
      node: { type: 'string' },
      compression: { type: 'string', default: 'gzip' },
      mirror: { type: 'string' },
      output: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const flavour = oneOf('--flavour', values.flavour, FLAVOURS);
  const compression = oneOf('--compression', values.compression, ['gzip', 'none']);
  if (values.output !== undefined) oneOf('--output', values.output, ['json']);
  const createdSeconds = creationTime();
  const revision = git('rev-parse', 'HEAD');
  const file = resolve(values.file ?? join(ROOT, `dist/image/keyward-${flavour}-${hostArchitecture()}.tar`));
  const startedMs = Date.now();
  const print = progressPrinter();
  const report = (phase: 'building' | 'ready', detail: string) =>
    print({ subject: `image ${flavour}`, phase, elapsedMs: Date.now() - startedMs, detail });
  const made = await keywardImage({
    flavour,
    name: values.tag ?? defaultImageName(flavour),
    compression,
    createdSeconds,
    ...(revision !== undefined && { revision }),
    ...(values.node !== undefined && { node: resolve(values.node) }),
    ...(values.mirror !== undefined && { mirror: values.mirror }),
    onProgress: (detail) => report('building', detail),
  });
  mkdirSync(dirname(file), { recursive: true });
  report('building', `writing ${file}`);
  const { name, digest, id } = await writeImage(made.image, file);
  const sbom = file.replace(/(\.tar)?$/, '.spdx.json');
  writeFileSync(sbom, `${JSON.stringify(made.sbom, null, 2)}\n`);
  const bytes = statSync(file).size;
  report('ready', file);
  if (values.output === 'json') console.log(JSON.stringify({ name, digest, id, file, sbom, bytes }, null, 2));
  else console.log(`${name}\n${digest}\n${file} (${(bytes / 1e6).toFixed(1)} MB)\n${sbom}`);
  return 0;
}

function creationTime(): number {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH === undefined) return Number(git('log', '-1', '--format=%ct') ?? 0);
  if (/^\d{1,12}$/.test(SOURCE_DATE_EPOCH)) return Number(SOURCE_DATE_EPOCH);
  throw new TypeError(`SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}: give seconds since 1970`);
}

/** What git says; undefined for sources that are no clone. */
function git(...args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new TypeError(`${option} ${value}: give ${allowed.join(' or ')}`);
  return found;
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    // Wrong options come from parseArgs as a TypeError, like our own usage errors.
    const isUsage = error instanceof TypeError;
    console.error(isUsage ? `${error.message}\n\nSee: npm run image -- --help` : asText(error));
    process.exitCode = isUsage ? 2 : 1;
  },
);

function asText(error: unknown): unknown {
  return error instanceof ImageError ? `${error.code}: ${error.message}` : error;
}
