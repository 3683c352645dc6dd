/** The flags of the scheduler of `keyward csi`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { kubernetesAccess, ownNamespace } from '../kubernetes/access';
import type { Precedence } from '../rotation/schedule/precedence';
import { parseSchedule, type Schedule } from '../rotation/schedule/schedule';
import type { RotationOptions } from '../rotation/schedule/start';
import { integer, rate } from './arguments';

export interface RotationFlags {
  readonly rotation?: true;
  readonly rotationPrecedence: Precedence;
  readonly rotationRate: number;
  readonly rotationParallel: number;
  readonly rotationStagger: number;
  readonly rotationInterval: number;
  readonly rotationLeaseSeconds: number;
  readonly verifySchedule: string;
  readonly namespace?: string;
  readonly apiServer?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
}

const daySeconds = 86_400;
const off = 'off';

export function addRotationFlags(command: Command): Command {
  return command
    .option(
      '--rotation',
      'rotate and verify keys by the schedules in the annotations of claims, namespaces and classes',
    )
    .addOption(
      new Option(
        '--rotation-precedence <who>',
        'pvc: the first of claim, namespace, class; storageclass: the class alone',
      )
        .choices(['pvc', 'storageclass'])
        .default('pvc'),
    )
    .addOption(new Option('--rotation-rate <N/min>', 'runs that begin in a minute').argParser(rate).default(10))
    .option('--rotation-parallel <count>', 'runs at once', integer({ min: 1, max: 64 }), 2)
    .option(
      '--rotation-stagger <seconds>',
      'runs begin up to so much later than the schedule, each claim always by the same; 0: at once',
      integer({ min: 0, max: 7 * daySeconds }),
      7200,
    )
    .option(
      '--rotation-interval <seconds>',
      'how often the claims are looked at',
      integer({ min: 1, max: daySeconds }),
      300,
    )
    .option(
      '--rotation-lease-seconds <seconds>',
      'how long others wait when the one that holds the Lease is silent',
      integer({ min: 3, max: 3600 }),
      60,
    )
    .addOption(
      new Option('--verify-schedule <schedule>', 'with --rotation: when every key is proven; off: never')
        .argParser(scheduleOrOff)
        .default('@weekly'),
    )
    .option('--api-server <url>', 'address of the Kubernetes API, for --rotation; left out: of the cluster')
    .option('--ca <file>', "CA of the Kubernetes API; left out: the pod's")
    .option('--token-file <file>', "token of the service account; left out: the pod's");
}

/** Undefined without `--rotation`. @throws CodedError CONFIG_INVALID outside of a pod, when a flag is missing. */
export async function rotationOptions(
  flags: RotationFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RotationOptions | undefined> {
  if (!flags.rotation) return undefined;
  const { apiServer, ca, tokenFile, verifySchedule } = flags;
  return {
    precedence: flags.rotationPrecedence,
    perMinute: flags.rotationRate,
    parallel: flags.rotationParallel,
    staggerMs: flags.rotationStagger * 1000,
    intervalMs: flags.rotationInterval * 1000,
    leaseMs: flags.rotationLeaseSeconds * 1000,
    verifySchedule: verifySchedule === off ? undefined : parsed(verifySchedule),
    namespace: await ownNamespace(flags.namespace, env),
    access: kubernetesAccess(
      {
        ...(apiServer !== undefined && { address: apiServer }),
        ...(ca !== undefined && { caFile: ca }),
        ...(tokenFile !== undefined && { tokenFile }),
      },
      env,
    ),
  };
}

function scheduleOrOff(text: string): string {
  if (text !== off) parsed(text);
  return text;
}

function parsed(text: string): Schedule {
  const schedule = parseSchedule(text);
  if (schedule) return schedule;
  throw new InvalidArgumentError('Give five fields of cron, a word as @daily, or off.');
}
