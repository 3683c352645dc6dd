/** What a box can be asked: one JSON object a connection on its control socket, and one in answer. */
import type { CephResult } from '../ceph/ceph-client';
import type { NodeCommand, NodeCommandResult } from './node-commands';

export interface BoxOptions {
  /** @default 1 */
  readonly nodes?: number;
  /** Of each node. @default 2048 */
  readonly memoryMiB?: number;
  /** Of each node; a sparse file. @default 8 */
  readonly diskGiB?: number;
  /** Whether a Ceph runs beside the control plane. @default false */
  readonly ceph?: boolean;
}

export interface BoxStatus {
  readonly folder: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly kubeconfig: string;
  readonly caFile: string;
  /** Address of the API server for this machine. */
  readonly apiServer: string;
  readonly openBao: {
    /** Its address for this machine. */
    readonly address: string;
    /** Its address for pods; names lead to it as well. */
    readonly addressInside: string;
  };
  /** @default - there is none */
  readonly ceph?: CephStatus;
  readonly processes: readonly ProcessStatus[];
  readonly nodes: readonly NodeStatus[];
}

/** What a driver needs to know of the Ceph, but for the key of its user. */
export interface CephStatus {
  /** Of the cluster; a class names it by this. */
  readonly fsid: string;
  /** For nodes and pods. */
  readonly monitors: readonly string[];
  /** For images. */
  readonly pool: string;
  /** Name of the user of that pool, without `client.`. */
  readonly user: string;
}

export interface ProcessStatus {
  readonly name: string;
  readonly running: boolean;
  /** Memory that it has to itself or shares, as the kernel counts it. 0 when it does not run. */
  readonly residentMiB: number;
  readonly logFile: string;
}

export interface NodeStatus {
  readonly name: string;
  readonly address: string;
  readonly running: boolean;
  readonly folder: string;
}

/** One more program on the host side. */
export interface ProgramOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Request and answer of each operation. */
export interface Operations {
  readonly status: { readonly request: object; readonly answer: BoxStatus };
  /** Tokens of the API server's admin and of OpenBao's root; key of the user of Ceph, where there is one. */
  readonly credentials: {
    readonly request: object;
    readonly answer: { readonly adminToken: string; readonly openBaoToken: string; readonly cephUserKey?: string };
  };
  /** Runs `ceph`, `rados` or `rbd` as admin of the Ceph. */
  readonly ceph: {
    readonly request: { readonly argv: readonly string[]; readonly stdin?: string };
    readonly answer: CephResult;
  };
  readonly run: { readonly request: NodeCommand & { readonly node: string }; readonly answer: NodeCommandResult };
  readonly importImage: {
    readonly request: { readonly node: string; readonly archive: string };
    readonly answer: object;
  };
  readonly killNode: { readonly request: { readonly node: string }; readonly answer: object };
  /** Answers when the node is ready. */
  readonly bootNode: { readonly request: { readonly node: string }; readonly answer: object };
  /** Ends a program on the host side. */
  readonly halt: { readonly request: { readonly name: string }; readonly answer: object };
  /** Starts a halted program as it was; OpenBao is unsealed. Answers when it is healthy. */
  readonly resume: { readonly request: { readonly name: string }; readonly answer: object };
  /** Ends the API server and starts it with further flags. */
  readonly restartApiServer: { readonly request: { readonly args: readonly string[] }; readonly answer: object };
  readonly start: { readonly request: ProgramOptions; readonly answer: object };
  /** Ends the box. */
  readonly stop: { readonly request: object; readonly answer: object };
}

export type OperationName = keyof Operations;

export type ControlRequest = {
  readonly [Name in OperationName]: { readonly operation: Name; readonly request: Operations[Name]['request'] };
}[OperationName];

export type ControlAnswer = { readonly answer: unknown } | { readonly error: string };
