/** The network of the box: a bridge with one tap device for each node, in the network namespace of this process. */
import { requireTool } from '../ensure';
import { exec } from '../exec';
import { apiServiceAddress, hostAddress, hostPrefix, type NodeNetwork } from './addresses';

const bridge = 'br0';

/**
 * Makes devices and routes. They go with the last process of the namespace.
 * @throws Error with the output of ip(8)
 */
export async function makeNetwork(nodes: readonly NodeNetwork[]): Promise<void> {
  await ip('link set lo up');
  await ip(`link add ${bridge} type bridge`);
  await ip(`address add ${hostAddress}/${hostPrefix} dev ${bridge}`);
  await ip(`address add ${apiServiceAddress}/32 dev ${bridge}`);
  await ip(`link set ${bridge} up`);
  for (const { tap, address, podRange } of nodes) {
    await ip(`tuntap add ${tap} mode tap`);
    await ip(`link set ${tap} master ${bridge} up`);
    await ip(`route add ${podRange} via ${address}`);
  }
}

async function ip(command: string): Promise<void> {
  const { exitCode, output } = await exec(requireTool('ip'), command.split(' '));
  if (exitCode !== 0) throw new Error(`ip ${command} failed: ${output}`);
}
