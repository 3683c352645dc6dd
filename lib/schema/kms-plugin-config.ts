// The written types of the KMS plugin's configuration. The schema that checks them is kms-plugin.ts's.
import type { KmsPluginAuth, KmsPluginAuthProps } from './kms-plugin-auth';
import type { WithDefaults } from './written-type';

/** Configuration of the running plugin, complete. */
export interface KmsPluginConfig {
  /** The server that holds the key. */
  readonly vault: KmsPluginVault;
  /** How the plugin logs in. */
  readonly auth: KmsPluginAuth;
  /** The key. */
  readonly transit: KmsPluginTransit;
  /** The socket that the API server calls. */
  readonly socket: KmsPluginSocket;
  /** The versions of the KMS API that are served. At least one is. */
  readonly api: KmsPluginApi;
  /** Bounds of the calls. */
  readonly calls: KmsPluginCalls;
  /** How the key is watched. */
  readonly watch: KmsPluginWatch;
  /** A local KEK, so that not every call needs the server. */
  readonly localKek: KmsPluginLocalKek;
  /** The port for probes and metrics. */
  readonly health: KmsPluginHealth;
  /** What is logged. */
  readonly log: KmsPluginLog;
}

/** The same as a declaration writes it: what has a default may be left out. */
export interface KmsPluginProps {
  /** The server that holds the key. */
  readonly vault: WithDefaults<KmsPluginVault, 'namespace' | 'insecureSkipVerify' | 'requestTimeoutMs'>;
  /** How the plugin logs in. */
  readonly auth: KmsPluginAuthProps;
  /**
   * The key.
   * @default - the key `kms` of the engine `transit`
   */
  readonly transit?: WithDefaults<KmsPluginTransit> | undefined;
  /**
   * The socket that the API server calls.
   * @default - the path of vault-kubernetes-kms, for the plugin's own user alone
   */
  readonly socket?: WithDefaults<KmsPluginSocket, 'endpoint' | 'mode'> | undefined;
  /**
   * The versions of the KMS API that are served. One must be.
   * @default - both
   */
  readonly api?: WithDefaults<KmsPluginApi> | undefined;
  /**
   * Bounds of the calls.
   * @default - the defaults of its fields
   */
  readonly calls?: WithDefaults<KmsPluginCalls> | undefined;
  /**
   * How the key is watched.
   * @default - the defaults of its fields
   */
  readonly watch?: WithDefaults<KmsPluginWatch> | undefined;
  /**
   * A local KEK, so that not every call needs the server.
   * @default - none: every call needs the server
   */
  readonly localKek?: WithDefaults<KmsPluginLocalKek> | undefined;
  /**
   * The port for probes and metrics.
   * @default - 127.0.0.1:8080
   */
  readonly health?: WithDefaults<KmsPluginHealth> | undefined;
  /**
   * What is logged.
   * @default - from level `info` on
   */
  readonly log?: WithDefaults<KmsPluginLog> | undefined;
}

/** The Vault or OpenBao that holds the key, and how its certificate is checked. */
export interface KmsPluginVault {
  /** `https://host:port` of Vault or OpenBao. */
  readonly address: string;
  /**
   * Namespace of the login and of the transit engine; empty for the root.
   * @default - the root namespace
   */
  readonly namespace: string;
  /**
   * File with the CA of the server as PEM.
   * @default - the CAs of the system
   */
  readonly caFile?: string;
  /**
   * Folder with CA files as PEM.
   * @default - none
   */
  readonly caDirectory?: string;
  /**
   * Name to expect in the server's certificate.
   * @default - the host of the address
   */
  readonly serverName?: string;
  /**
   * Accept any certificate: for tests only.
   * @default false
   */
  readonly insecureSkipVerify: boolean;
  /**
   * File with the certificate to show to a server or proxy that asks for one, as PEM.
   * @default - none
   */
  readonly clientCertificateFile?: string;
  /**
   * File with the key of that certificate, as PEM.
   * @default - none
   */
  readonly clientKeyFile?: string;
  /**
   * How long one request may take, 100 to 60,000 ms.
   * @default 10000
   */
  readonly requestTimeoutMs: number;
}

/** The key of a transit engine. */
export interface KmsPluginTransit {
  /**
   * Mount path of the transit engine.
   * @default transit
   */
  readonly mount: string;
  /**
   * Name of the key.
   * @default kms
   */
  readonly key: string;
}

/** The Unix socket that the API server calls. */
export interface KmsPluginSocket {
  /**
   * `unix:///path` or, in the abstract namespace, `unix:///@name`.
   * @default unix:///opt/kms/vaultkms.socket
   */
  readonly endpoint: string;
  /**
   * Mode of the socket file, in octal digits.
   * @default 0600
   */
  readonly mode: string;
  /**
   * Owner of the socket file, e.g. 65534 for Talos.
   * @default - the user that the plugin runs as
   */
  readonly uid?: number;
  /**
   * Group of the socket file.
   * @default - the group that the plugin runs as
   */
  readonly gid?: number;
}

/** Versions of the KMS API. */
export interface KmsPluginApi {
  /**
   * Serve KMS v1beta1.
   * @default true
   */
  readonly v1: boolean;
  /**
   * Serve KMS v2.
   * @default true
   */
  readonly v2: boolean;
}

/** Bounds of the calls from the API server. */
export interface KmsPluginCalls {
  /**
   * How long a call may take, 100 to 60,000 ms.
   * @default 2500
   */
  readonly timeoutMs: number;
  /**
   * How many calls may wait for the server, 1 to 100,000.
   * @default 4096
   */
  readonly maxWaiting: number;
  /**
   * How many calls travel in one request to the server, 1 to 1,000.
   * @default 128
   */
  readonly maxBatch: number;
}

/** How the key is watched. */
export interface KmsPluginWatch {
  /**
   * Seconds between two probes of the key, 1 to 3,600.
   * @default 30
   */
  readonly pollSeconds: number;
  /**
   * For how many seconds an outage of the server is not told as unhealthy, 0 to 86,400.
   * @default 600
   */
  readonly outageGraceSeconds: number;
}

/** A KEK in the plugin's memory, which the transit key wraps. KMS v2 only. */
export interface KmsPluginLocalKek {
  /**
   * Encrypt with a local KEK.
   * @default false
   */
  readonly enabled: boolean;
  /**
   * Age in seconds at which it is replaced, 60 to 2,592,000.
   * @default 86400
   */
  readonly maxAgeSeconds: number;
  /**
   * Number of encryptions after which it is replaced, at most 2^31.
   * @default 16777216
   */
  readonly maxUses: number;
}

/** The port for probes and metrics. */
export interface KmsPluginHealth {
  /**
   * Address that it listens at.
   * @default 127.0.0.1
   */
  readonly address: string;
  /**
   * Port number; 0 turns it off.
   * @default 8080
   */
  readonly port: number;
  /**
   * Also metrics by the names of vault-kubernetes-kms.
   * @default false
   */
  readonly peerMetrics: boolean;
}

/** What goes to the plugin's log. */
export interface KmsPluginLog {
  /**
   * The least level that is logged.
   * @default info
   */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
}
