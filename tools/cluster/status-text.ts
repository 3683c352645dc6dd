/** The state of a box for people. */
import type { BoxStatus, CephStatus } from './control-protocol';

/** What runs, and how to reach it. */
export function statusText({
  folder,
  kubeconfig,
  caFile,
  apiServer,
  openBao,
  ceph,
  processes,
  nodes,
}: BoxStatus): string {
  const state = (running: boolean) => (running ? 'runs' : 'ended');
  const rows = [
    ...processes.map(({ name, running, residentMiB, logFile }) => [
      name,
      state(running),
      `${residentMiB} MiB`,
      logFile,
    ]),
    ...nodes.map(({ name, running, address, folder: own }) => [name, state(running), address, `${own}/*.log`]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [
    ...lines,
    '',
    `folder      ${folder}`,
    `kubeconfig  ${kubeconfig}`,
    `API server  ${apiServer}`,
    `OpenBao     ${openBao.address} here; for pods ${openBao.addressInside}, or https://vault.vault.svc:8200`,
    `CA of both  ${caFile}`,
    ...(ceph ? cephLines(ceph) : []),
    '',
    `export KUBECONFIG=${kubeconfig}`,
  ].join('\n');
}

function cephLines({ fsid, monitors, pool, user }: CephStatus): readonly string[] {
  return [
    `Ceph        ${fsid} at ${monitors.join(', ')}; pool ${pool}`,
    `its user    ${user}, whose key \`npm run cluster -- ceph-key\` prints`,
  ];
}
