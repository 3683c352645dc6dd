/** `keyward tenant-agent`: the sidecar that holds the Kubernetes identity. */
import type { Command } from 'commander';
import { mountPaths } from '../../lib/schema/names';
import { kubernetesAccess, ownNamespace } from '../kubernetes/access';
import { createLog, type LogLevel } from '../log';
import { startTenantAgent } from '../tenant-agent/agent';
import { integer } from './arguments';
import { reportAndExit } from './report';

const graceMs = 5_000;

interface AgentFlags {
  readonly endpoint: string;
  readonly kmsConfig: string;
  readonly tenant?: readonly string[];
  readonly namespace?: string;
  readonly apiServer?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly healthPort: number;
  readonly logLevel: LogLevel;
}

export function addTenantAgentCommand(program: Command, version: string): void {
  program
    .command('tenant-agent')
    .description(
      'serve to the driver what belongs to tenants in Kubernetes: only the objects that the KMS configuration names',
    )
    .option('--endpoint <unix://path>', 'socket', `unix://${mountPaths.tenantAgent}/agent.sock`)
    .option('--kms-config <file>', 'KMS sections, the same file as the driver has', `${mountPaths.kms}/config.json`)
    .option('--tenant <namespace...>', 'namespaces to serve; left out: all that RBAC lets')
    .option('--namespace <namespace>', 'namespace of the driver; left out: of the pod')
    .option('--api-server <url>', 'address of the Kubernetes API; left out: of the cluster')
    .option('--ca <file>', "CA of the Kubernetes API; left out: the pod's")
    .option('--token-file <file>', "token of the service account; left out: the pod's")
    .option(
      '--health-port <port>',
      'port of /healthz, /readyz and /metrics; 0: off',
      integer({ min: 0, max: 65_535 }),
      0,
    )
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .action((flags: AgentFlags) => serve(flags, version));
}

async function serve(flags: AgentFlags, version: string): Promise<void> {
  const { apiServer, ca, tokenFile } = flags;
  const agent = await startTenantAgent({
    version,
    endpoint: flags.endpoint,
    kmsConfigFile: flags.kmsConfig,
    ...(flags.tenant && { tenants: flags.tenant }),
    namespace: await ownNamespace(flags.namespace, process.env),
    access: kubernetesAccess(
      {
        ...(apiServer !== undefined && { address: apiServer }),
        ...(ca !== undefined && { caFile: ca }),
        ...(tokenFile !== undefined && { tokenFile }),
      },
      process.env,
    ),
    healthPort: flags.healthPort,
    log: createLog(flags.logLevel),
  });
  let closing = false;
  const close = () => {
    if (closing) return;
    closing = true;
    agent.close(graceMs).then(() => process.exit(0), reportAndExit);
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
}
