/** What benchmarks see of a process from outside. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

/** Whether somebody listens at the unix socket. */
export function acceptsConnections(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const end = (answer: boolean) => () => {
      connection.destroy();
      resolve(answer);
    };
    connection.once('connect', end(true)).once('error', end(false));
  });
}

/** Memory that the process keeps in RAM. */
export function residentMiB(pid: number | undefined): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) / 1024;
}
