/** Where things are in the folder of a box. */
import { join } from 'node:path';

export interface BoxLayout {
  readonly folder: string;
  /** Unix socket on which the box answers. */
  readonly control: string;
  /** Of the admin, for programs of this machine. */
  readonly kubeconfig: string;
  readonly caFile: string;
  readonly pki: string;
  readonly images: string;
  readonly logs: string;
  /** Process id of the box on this machine. */
  readonly pid: string;
  /** What the box itself says. */
  readonly log: string;
  /** Working folder of a program on the host side, or of a node. */
  of(name: string): string;
  logOf(name: string): string;
}

export function boxLayout(folder: string): BoxLayout {
  const logs = join(folder, 'log');
  const logOf = (name: string) => join(logs, `${name}.log`);
  return {
    folder,
    control: join(folder, 'control'),
    kubeconfig: join(folder, 'kubeconfig'),
    caFile: join(folder, 'pki', 'ca.crt'),
    pki: join(folder, 'pki'),
    images: join(folder, 'images'),
    logs,
    pid: join(folder, 'pid'),
    log: logOf('box'),
    of: (name) => join(folder, name),
    logOf,
  };
}
