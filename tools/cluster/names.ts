/** The names of the box, for programs on its host side and on its nodes. Pods ask its name server. */
import { writeFileSync } from 'node:fs';
import { exec } from '../exec';
import { clusterDomain, hostAddress, type NodeNetwork, serviceNames } from './addresses';
import { serveNames } from './name-server';

/** Text of /etc/hosts. */
export function hostsFile(nodes: readonly NodeNetwork[]): string {
  const services = [...serviceNames].map(([name, target]) => `${target} ${name} ${name}.${clusterDomain}\n`);
  return `127.0.0.1 localhost\n${nodes.map(({ name, address }) => `${address} ${name}\n`).join('')}${services.join('')}`;
}

/**
 * Makes the names known in the namespaces of this process: /etc/hosts is covered for its mount namespace alone.
 * @param file where the text is kept
 * @throws Error with the output of mount(8); system errors of binding
 */
export async function publishNames(nodes: readonly NodeNetwork[], file: string): Promise<void> {
  writeFileSync(file, hostsFile(nodes));
  const { exitCode, output } = await exec('mount', ['--bind', file, '/etc/hosts']);
  if (exitCode !== 0) throw new Error(`/etc/hosts of the box: ${output}`);
  const withDomain = [...serviceNames].map(([name, address]) => [`${name}.${clusterDomain}`, address] as const);
  await serveNames(hostAddress, new Map([...serviceNames, ...withDomain]));
}
