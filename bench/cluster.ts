/**
 * Benchmark `cluster`: fifty claims and their Pods, made at once on the one node of a cluster in a box, each volume with a key of
 * its own in OpenBao; beside as many Pods without a claim, which is what the kubelet takes for itself. stacks/gitops declares it.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { GitopsScene } from '../test/e2e/gitops-scene';
import { nothingLeft } from '../test/e2e/storage-scene';
import { boxComponents } from '../test/harness/cluster-box';
import { driverImageComponents } from '../test/harness/driver-images';
import { claim, smallPod } from '../test/harness/volume-objects';
import { ensureTools } from '../tools/ensure';
import { prepareGuest } from '../tools/guest/host-support';
import type { Benchmark } from './benchmark';
import { samplesTable } from './report';
import { median } from './statistics';

const pods = 50;
const namespace = 'billing';
/** Each Pod takes a node some 20 MiB, which is mostly what containerd keeps beside it. */
const memoryMiB = 6144;
/** Of the driver on a node; as an expression that does not find itself. */
const argument = '--kubelet-registration-di[r]';
const limitMs = 30 * 60_000;
const podsPath = `/api/v1/namespaces/${namespace}/pods`;
const names = Array.from({ length: pods }, (_, index) => `pod-${String(index).padStart(2, '0')}`);

/** What is looked at of one. */
interface Pod {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface Round {
  readonly seconds: number;
  readonly plainSeconds: number;
  readonly nodeMiB: number;
  readonly vaultRequests: number;
}

export const clusterBench: Benchmark = {
  about: `${pods} Pods on encrypted volumes, made at once on one node with a real kubelet, beside Pods without`,
  defaultRounds: 1,
  goals: [],
  measure: async (rounds, progress) => {
    await ensureTools([...boxComponents, ...driverImageComponents]);
    await prepareGuest();
    const measured = await measure(rounds, progress);
    const of = (figure: keyof Round) => measured.map((round) => round[figure]);
    const figures = {
      pods,
      seconds: median(of('seconds')),
      plain_pods_seconds: median(of('plainSeconds')),
      node_rss_mib: Math.max(...of('nodeMiB')),
      vault_requests: median(of('vaultRequests')),
    };
    return {
      result: {
        bench: 'cluster',
        ratios: {
          seconds_vs_plain_pods: figures.seconds / figures.plain_pods_seconds,
          vault_requests_per_pod: figures.vault_requests / pods,
        },
        figures,
      },
      table: [
        ...samplesTable({ 'Pods on encrypted volumes': of('seconds'), 'floor: Pods without': of('plainSeconds') }),
        `${pods} at once, ${rounds} rounds; the driver took at most ${figures.node_rss_mib.toFixed(0)} MiB`,
      ],
    };
  },
};

async function measure(rounds: number, progress: (line: string) => void): Promise<readonly Round[]> {
  progress('starting the cluster');
  const scene = await GitopsScene.start({ memoryMiB });
  try {
    await scene.applyStack();
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      progress(`round ${round} of ${rounds}: Pods on encrypted volumes`);
      const before = vaultRequests(scene);
      const seconds = await timePods(scene, 'encrypted');
      const vault = vaultRequests(scene) - before;
      const nodeMiB = await peakMiB(scene);
      progress(`round ${round} of ${rounds}: their removal`);
      await removePods(scene);
      await removeVolumes(scene);
      progress(`round ${round} of ${rounds}: Pods without volumes`);
      const plainSeconds = await timePods(scene, 'plain');
      measured.push({ seconds, plainSeconds, nodeMiB, vaultRequests: vault });
      if (round < rounds) await removePods(scene);
    }
    return measured;
  } finally {
    await scene.cluster.stop();
  }
}

/** From the first object to the last Pod that has written. */
async function timePods({ cluster }: GitopsScene, kind: 'plain' | 'encrypted'): Promise<number> {
  const isEncrypted = kind === 'encrypted';
  const startedAt = performance.now();
  if (isEncrypted) {
    await cluster.apply(names.map((name) => claim({ namespace, name, storageClass: 'encrypted-tenant' })));
  }
  await cluster.apply(names.map((name) => pod(name, isEncrypted)));
  const allRun = ({ body: { items } }: { body: { items: readonly Pod[] } }) =>
    items.length === pods && items.every(isReady);
  await cluster.objects.until('some Pod does not run', podsPath, allRun, limitMs);
  return (performance.now() - startedAt) / 1000;
}

async function removePods({ cluster: { api, objects } }: GitopsScene): Promise<void> {
  await api.expectOk('DELETE', podsPath);
  await objects.until('some Pod is still there', podsPath, isGone, limitMs);
}

/** Runs when it has written, which a hook does: probes of fifty Pods, each a process, would be what this node does. */
function pod(name: string, isEncrypted: boolean) {
  return smallPod({
    ...{ namespace, name, volume: isEncrypted ? { persistentVolumeClaim: { claimName: name } } : { emptyDir: {} } },
    container: {
      command: ['sleep', '1000000'],
      lifecycle: { postStart: { exec: { command: ['sh', '-c', 'date > /data/first && sync'] } } },
    },
  });
}

function isGone({ body }: { body: { items: readonly unknown[] } }): boolean {
  return body.items.length === 0;
}

function isReady({ status }: Pod): boolean {
  return (status.conditions ?? []).some((each) => each.type === 'Ready' && each.status === 'True');
}

async function removeVolumes(scene: GitopsScene): Promise<void> {
  const { api, objects } = scene.cluster;
  await api.expectOk('DELETE', `/api/v1/namespaces/${namespace}/persistentvolumeclaims`);
  await objects.until('some volume is still there', '/api/v1/persistentvolumes', isGone, limitMs);
  const left = await scene.leftOnNode();
  if (!isDeepStrictEqual(left, nothingLeft)) throw new Error(`left on the node: ${JSON.stringify(left)}`);
}

function vaultRequests({ cluster }: GitopsScene): number {
  return readFileSync(cluster.openBaoAuditFile, 'utf8').split('"type":"request"').length - 1;
}

/** The most that the driver on the node had in memory. */
async function peakMiB(scene: GitopsScene): Promise<number> {
  const find = `grep -la -e '${argument}' /proc/[0-9]*/cmdline`;
  const script = `for file in $(${find}); do grep VmHWM "$(dirname $file)/status"; done`;
  const told = await scene.onNode('sh', '-c', script);
  const peaks = [...told.matchAll(/VmHWM:\s+(\d+) kB/g)].map(([, kibibytes]) => Number(kibibytes) / 1024);
  if (peaks.length === 0) throw new Error('the node runs no driver');
  return Math.max(...peaks);
}
