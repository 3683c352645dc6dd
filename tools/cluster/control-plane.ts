/** Command lines of the control plane. */
import type { CertificateAuthority } from '../../test/harness/certificates';
import { apiPort, apiServiceAddress, hostAddress, serviceNames, serviceRange } from './addresses';

export const etcdUrl = 'http://127.0.0.1:2379';
const etcdPeerUrl = 'http://127.0.0.1:2380';

/** How the box itself and pods reach the API server. */
export const apiServerUrl = `https://${hostAddress}:${apiPort}`;

/** Files that the parts of the control plane read. */
export interface ControlPlaneFiles {
  readonly caFile: string;
  readonly serving: KeyPair;
  /** With it the API server calls kubelets. */
  readonly kubeletClient: KeyPair;
  /** Signs tokens of service accounts; a certificate serves as its public half. */
  readonly serviceAccounts: KeyPair;
  readonly tokenFile: string;
}

interface KeyPair {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Issues what the control plane needs. */
export async function issueControlPlane(
  authority: CertificateAuthority,
  tokenFile: string,
): Promise<ControlPlaneFiles> {
  const names = [hostAddress, apiServiceAddress, 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  return {
    caFile: authority.caFile,
    serving: await authority.issueServer('kube-apiserver', names),
    kubeletClient: await authority.issueClient('kube-apiserver-kubelet-client'),
    serviceAccounts: await authority.issueClient('service-accounts'),
    tokenFile,
  };
}

/** Issues the certificate of OpenBao, for its address and every name that leads to it. */
export function issueOpenBao(authority: CertificateAuthority): ReturnType<CertificateAuthority['issueServer']> {
  const names = [...serviceNames].filter(([, address]) => address === hostAddress).map(([name]) => name);
  return authority.issueServer('openbao', [hostAddress, ...names]);
}

export function etcdFlags(dataFolder: string): readonly string[] {
  return [
    ...['--name=box', `--data-dir=${dataFolder}`, '--log-level=warn'],
    // A machine that loses power loses the box anyway.
    '--unsafe-no-fsync',
    ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
    ...[`--listen-peer-urls=${etcdPeerUrl}`, `--initial-advertise-peer-urls=${etcdPeerUrl}`],
    `--initial-cluster=box=${etcdPeerUrl}`,
  ];
}

/** @param more Further flags, for example `--encryption-provider-config=FILE`. */
export function apiServerFlags(files: ControlPlaneFiles, more: readonly string[]): readonly string[] {
  const { serving, kubeletClient, serviceAccounts } = files;
  return [
    ...['--bind-address=0.0.0.0', `--secure-port=${apiPort}`, `--advertise-address=${hostAddress}`],
    ...[`--tls-cert-file=${serving.certificateFile}`, `--tls-private-key-file=${serving.keyFile}`],
    ...[`--etcd-servers=${etcdUrl}`, `--service-cluster-ip-range=${serviceRange}`, '--endpoint-reconciler-type=none'],
    ...['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction', '--allow-privileged=true'],
    ...[`--client-ca-file=${files.caFile}`, `--token-auth-file=${files.tokenFile}`],
    ...[`--kubelet-certificate-authority=${files.caFile}`, '--kubelet-preferred-address-types=InternalIP'],
    ...[
      `--kubelet-client-certificate=${kubeletClient.certificateFile}`,
      `--kubelet-client-key=${kubeletClient.keyFile}`,
    ],
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${serviceAccounts.certificateFile}`,
    `--service-account-signing-key-file=${serviceAccounts.keyFile}`,
    '--profiling=false',
    ...more,
  ];
}

export function controllerManagerFlags(files: ControlPlaneFiles, kubeconfig: string): readonly string[] {
  return [
    ...[`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1', '--profiling=false'],
    // Each controller with the rights of its own account, as kubeadm has it.
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${files.serviceAccounts.keyFile}`,
    `--root-ca-file=${files.caFile}`,
    // By default a claim waits 15 s for the next look at it.
    '--pvclaimbinder-sync-period=1s',
    '--controllers=*,-node-ipam-controller,-bootstrap-signer-controller,-token-cleaner-controller',
  ];
}

export function schedulerFlags(kubeconfig: string): readonly string[] {
  return [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1', '--profiling=false'];
}
