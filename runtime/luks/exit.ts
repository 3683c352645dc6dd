/**
 * What a failure of cryptsetup means. It has five exit codes for everything (1 parameters, 2 passphrase, 3 memory,
 * 4 device, 5 exists or busy), so the verb and, last, its text refine them. The text is read here and nowhere else;
 * a saved sample of each is in test/fixtures/luks/exit-samples.json.
 */
import { type Code, CodedError } from '../errors';
import { ToolError } from '../process/run';
import { cannotGrow } from './integrity';

export type Verb =
  | 'format'
  | 'open'
  | 'close'
  | 'resize'
  | 'testKey'
  | 'addKey'
  | 'killSlot'
  | 'setUuid'
  | 'importToken'
  | 'removeToken';

interface Meaning {
  readonly exitCode: number;
  readonly verbs?: readonly Verb[];
  readonly text?: RegExp;
  readonly code: Code;
  readonly remedy: string;
}

const inUse = 'Another process holds the device or the mapping: find it with lsof or in /proc/self/mountinfo.';
const checkDevice = 'Check that the device is attached to this node and healthy, then repeat the call.';

/** The kernel does not say what it lacks: without the module, its answer to the table is the same as to a wrong one. */
const noDmCrypt = {
  code: 'DM_CRYPT_UNAVAILABLE',
  remedy:
    "The node's administrator loads the kernel modules dm_mod and dm_crypt (dm_integrity too, for integrityMode); where they are loaded, the log of the kernel says what it refuses.",
} as const;

/** The first that fits counts. */
const meanings: readonly Meaning[] = [
  {
    exitCode: 2,
    code: 'LUKS_PASSPHRASE_REJECTED',
    remedy: 'The KMS gave another key than the one that the volume was made with: check the key reference.',
  },
  {
    exitCode: 3,
    code: 'LUKS_OUT_OF_MEMORY',
    remedy: 'Raise the memory limit of the driver, or use pbkdf2 for its random keys.',
  },
  { exitCode: 1, text: /already mapped or mounted|device in use/, code: 'DEVICE_BUSY', remedy: inUse },
  {
    exitCode: 1,
    text: /is not a valid LUKS device/,
    code: 'LUKS_NOT_LUKS',
    remedy: 'Check that this is the device of the volume.',
  },
  {
    exitCode: 1,
    text: /No usable keyslot is available/,
    code: 'LUKS_NO_USABLE_KEYSLOT',
    remedy: 'No keyslot is left that a key could open: restore the header from a backup.',
  },
  {
    exitCode: 1,
    verbs: ['addKey'],
    text: /is full/,
    code: 'LUKS_KEYSLOT_OCCUPIED',
    remedy: 'Choose a free keyslot, or remove the one that is in the way.',
  },
  {
    exitCode: 1,
    verbs: ['importToken'],
    text: /in use|import token/,
    code: 'LUKS_TOKEN_INVALID',
    remedy: 'The token is there already, or names a keyslot that does not exist.',
  },
  {
    exitCode: 4,
    verbs: ['open', 'testKey', 'format', 'addKey', 'killSlot', 'setUuid', 'importToken', 'removeToken'],
    text: /does not exist or access denied/,
    code: 'DEVICE_NOT_READY',
    remedy: checkDevice,
  },
  {
    exitCode: 4,
    verbs: ['resize'],
    text: /is not active/,
    code: 'VOLUME_NOT_STAGED',
    remedy: 'Stage the volume first: only an open mapping can be resized.',
  },
  {
    exitCode: 1,
    verbs: ['resize'],
    text: /Unsupported parameters on device/,
    code: 'REQUEST_INVALID',
    remedy: cannotGrow,
  },
  {
    exitCode: 1,
    verbs: ['open'],
    text: /performance options are not supported/,
    code: 'REQUEST_INVALID',
    remedy: 'Remove noReadWorkqueue and noWriteWorkqueue from the StorageClass, or use Linux 5.9 or later on the node.',
  },
  { exitCode: 4, verbs: ['open'], text: /reload ioctl on .* failed: Invalid argument/, ...noDmCrypt },
  { exitCode: 4, text: /Is dm_mod kernel module loaded/, ...noDmCrypt },
  { exitCode: 1, text: /Is dm_mod kernel module loaded/, ...noDmCrypt },
  { exitCode: 4, code: 'DEVICE_UNREADABLE', remedy: checkDevice },
  {
    exitCode: 5,
    verbs: ['open'],
    text: /already exists/,
    code: 'LUKS_MAPPING_CONFLICT',
    remedy: 'A mapping of this name is open: compare its backing device, close it and repeat the call.',
  },
  { exitCode: 5, code: 'DEVICE_BUSY', remedy: inUse },
];

/** Gives the failure of one verb its own code; what is not in the table keeps TOOL_FAILED and the text of the tool. */
export function explain(verb: Verb, error: ToolError): CodedError {
  const meaning = meanings.find(
    (it) =>
      it.exitCode === error.exitCode &&
      (it.verbs === undefined || it.verbs.includes(verb)) &&
      (it.text === undefined || it.text.test(error.stderr)),
  );
  if (!meaning) return error;
  return new CodedError(meaning.code, `cryptsetup ${verb}: ${firstLine(error)}`, {
    remedy: meaning.remedy,
    cause: error,
  });
}

/** True when close, killSlot or removeToken found nothing to close or remove: done already. */
export function wasDone(error: unknown): boolean {
  const tool = toolError(error);
  if (tool?.exitCode === 4) return /^Device \S+ is not active\.$/m.test(tool.stderr);
  return tool?.exitCode === 1 && /^(Keyslot \d+ is not active|Token \d+ is not in use)\.$/m.test(tool.stderr);
}

/** True when a test open says that the key does not open the keyslot, or that the one that was named is not there. */
export function opensNothing(error: unknown, keyslot: number | undefined): boolean {
  const tool = toolError(error);
  if (tool?.exitCode === 2) return true;
  return keyslot !== undefined && tool?.exitCode === 1 && /No usable keyslot/.test(tool.stderr);
}

/** What `open --verbose` says of its success. @throws CodedError TOOL_FAILED when it does not. */
export function unlockedSlot(stdout: string): number {
  const id = /^Key slot (\d+) unlocked\.$/m.exec(stdout)?.[1];
  if (id !== undefined) return Number(id);
  throw new CodedError('TOOL_FAILED', 'cryptsetup did not say which keyslot the key opened', {
    remedy: 'Use a version of cryptsetup from 2.4 on.',
  });
}

/** The failure as cryptsetup gave it, whether or not {@link explain} has put its own around it. */
function toolError(error: unknown): ToolError | undefined {
  const inner = error instanceof CodedError && error.cause instanceof ToolError ? error.cause : error;
  return inner instanceof ToolError ? inner : undefined;
}

function firstLine(error: ToolError): string {
  const line = error.stderr.trim().split('\n', 1)[0] ?? '';
  return line === '' ? error.message : line.slice(0, 200).replace(/\.$/, '');
}
