/** Who has which address in the box. Its network has no way to that of the machine, so the addresses collide with nobody's. */

/** The bridge, on which everything on the host side listens. */
export const hostAddress = '10.99.0.1';
export const hostPrefix = 24;

/** Addresses of Services. Nothing forwards them; see {@link apiServiceAddress}. */
export const serviceRange = '10.96.0.0/24';

/**
 * Address of the Service `kubernetes`, the first of the range. It is one of the bridge's as well and the API server listens on the
 * port of the Service, so pods reach it as everywhere although nothing forwards Services here.
 */
export const apiServiceAddress = '10.96.0.1';

export const apiPort = 443;
export const openBaoPort = 8200;

/** Names that pods may look up, with and without the cluster's domain; the first is the API server's, the others OpenBao's. */
export const serviceNames: ReadonlyMap<string, string> = new Map([
  ['kubernetes.default.svc', apiServiceAddress],
  ['openbao.openbao.svc', hostAddress],
  ['vault.vault.svc', hostAddress],
]);

export const clusterDomain = 'cluster.local';

/** One node's place in the network. */
export interface NodeNetwork {
  readonly name: string;
  /** Its device on the host side. */
  readonly tap: string;
  readonly address: string;
  /** Addresses of its pods. */
  readonly podRange: string;
}

/** @param number 1 for the first node */
export function nodeNetwork(number: number): NodeNetwork {
  return {
    name: `node-${number}`,
    tap: `tap${number}`,
    address: `10.99.0.${10 + number}`,
    podRange: `10.98.${number}.0/24`,
  };
}
