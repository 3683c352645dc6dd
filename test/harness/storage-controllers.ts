/** The controllers of a cluster that claims and snapshots need: kube-controller-manager, and the snapshot-controller beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '../../tools/ensure';
import { requestJson } from './http-json';
import { writeKubeconfig } from './kubeconfig';
import type { Kubernetes } from './kubernetes';
import { freePort } from './ports';
import { type ServerCommand, ServerProcess } from './server-process';

/** Of its forty controllers: who binds and grows claims, who holds back what is in use, who empties a deleted namespace. */
const controllers = [
  'persistentvolume-binder-controller',
  'persistentvolume-expander-controller',
  'persistentvolumeclaim-protection-controller',
  'persistentvolume-protection-controller',
  'namespace-controller',
];

/** @throws ToolError TOOL_NOT_PREPARED when it was not built; Error with the log's end when it does not start */
export function startControllerManager(kubernetes: Kubernetes): Promise<ServerProcess> {
  return startController('kube-controller-manager', kubernetes, async ({ folder, kubeconfig }) => {
    const port = await freePort();
    const certificate = join(folder, 'kube-controller-manager.crt');
    return {
      command: requireTool('kube-controller-manager'),
      args: [
        ...[`--kubeconfig=${kubeconfig}`, `--controllers=${controllers.join(',')}`, '--leader-elect=false'],
        ...['--bind-address=127.0.0.1', `--secure-port=${port}`, `--cert-dir=${folder}`],
        // By default a claim waits 15 s for the next look at it.
        '--pvclaimbinder-sync-period=1s',
      ],
      // It signs its certificate itself.
      isHealthy: async () => {
        const url = `https://127.0.0.1:${port}/healthz`;
        return (await requestJson({ url, caPem: readFileSync(certificate, 'utf8'), timeoutMs: 5000 })).status === 200;
      },
    };
  });
}

/**
 * @param options `distributed`: each node takes the snapshots of its own volumes
 * @throws ToolError TOOL_NOT_PREPARED when it was not built; Error with the log's end when it does not start
 */
export function startSnapshotController(
  kubernetes: Kubernetes,
  options: { readonly distributed: boolean },
): Promise<ServerProcess> {
  return startController('snapshot-controller', kubernetes, async ({ kubeconfig }) => {
    const address = `127.0.0.1:${await freePort()}`;
    return {
      command: requireTool('snapshot-controller'),
      args: [
        ...[`--kubeconfig=${kubeconfig}`, `--http-endpoint=${address}`],
        `--enable-distributed-snapshotting=${options.distributed}`,
        // It would look half a minute for their CRDs.
        '--feature-gates=CSIVolumeGroupSnapshot=false',
      ],
      isHealthy: async () => (await requestJson({ url: `http://${address}/metrics`, timeoutMs: 5000 })).status === 200,
    };
  });
}

interface ControllerFiles {
  readonly folder: string;
  readonly kubeconfig: string;
}

async function startController(
  name: string,
  kubernetes: Kubernetes,
  command: (files: ControllerFiles) => Promise<ServerCommand>,
): Promise<ServerProcess> {
  const process = new ServerProcess(name);
  try {
    const kubeconfig = join(process.folder, 'kubeconfig');
    writeKubeconfig(kubeconfig, kubernetes, { token: kubernetes.adminToken });
    await process.start(await command({ folder: process.folder, kubeconfig }));
    return process;
  } catch (error) {
    await process.stop();
    throw error;
  }
}
