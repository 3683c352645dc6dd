/**
 * Structured logs by allow-list: a line carries a fixed message and only the fields named in {@link LogFields}. A field
 * that is not listed is dropped at run time as well, so a secret cannot reach the log by way of an object.
 */
import pino from 'pino';
import { CodedError } from './errors';

/** Every field that a log line may carry. None may ever hold key material. */
export interface LogFields {
  readonly rpc?: string;
  readonly volumeId?: string;
  readonly snapshotId?: string;
  readonly kmsId?: string;
  /** The `key_id` of the Kubernetes KMS API: names a version of a key, and is stored in clear in etcd. */
  readonly keyId?: string;
  readonly operation?: string;
  readonly step?: string;
  readonly path?: string;
  readonly address?: string;
  readonly tool?: string;
  readonly exitCode?: number;
  readonly durationMs?: number;
  readonly attempt?: number;
  readonly count?: number;
  readonly sizeBytes?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly version?: string;
  readonly error?: unknown;
}

const allowed = new Set<string>([
  'rpc',
  'volumeId',
  'snapshotId',
  'kmsId',
  'keyId',
  'operation',
  'step',
  'path',
  'address',
  'tool',
  'exitCode',
  'durationMs',
  'attempt',
  'count',
  'sizeBytes',
  'code',
  'detail',
  'version',
] satisfies (keyof LogFields)[]);

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** JSON lines on standard error (or `destination`). */
export function createLog(
  level: LogLevel,
  destination: pino.DestinationStream = pino.destination({ dest: 2, sync: true }),
): Log {
  const logger = pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
  const write =
    (at: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      logger[at](pick(fields), message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** For tests and for tools that report in another way. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

function pick(fields: LogFields): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (allowed.has(name) && (typeof value === 'string' || typeof value === 'number')) line[name] = value;
  }
  if (fields.error !== undefined) Object.assign(line, describe(fields.error));
  return line;
}

/** An error becomes its code, its text and the code locations of its causes; properties that libraries hang on errors stay out. */
function describe(error: unknown): Record<string, unknown> {
  if (error instanceof CodedError) {
    return {
      code: error.code,
      detail: error.summary,
      ...(error.cause instanceof Error && { cause: chain(error.cause) }),
    };
  }
  return error instanceof Error ? { cause: chain(error) } : {};
}

function chain(error: Error): string[] {
  const lines: string[] = [];
  for (let at: unknown = error; at instanceof Error && lines.length < 5; at = at.cause) {
    lines.push(
      at instanceof CodedError
        ? `${at.code}: ${at.message}`
        : (at.stack ?? at.message).split('\n').slice(0, 4).join(' | '),
    );
  }
  return lines;
}
