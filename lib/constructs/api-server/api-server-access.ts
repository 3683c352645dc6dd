// What an API server must be told and given, before it is put into the words of a distribution.

/** What the API server reads and reaches. */
export interface ApiServerAccess {
  /** Minor of the Kubernetes version: 34 for 1.34. */
  readonly kubernetesMinor: number;
  /** Path of the EncryptionConfiguration, the same on the node and for the API server. */
  readonly encryptionConfigFile: string;
  /** Directory of the plugin's socket, the same on the node and for the API server. */
  readonly socketDirectory: string;
  /** Whether the file is read again when it changes. */
  readonly automaticReload: boolean;
  /** Feature gates of the API server, all that are set. */
  readonly featureGates: Readonly<Record<string, boolean>>;
}

/** Flags of kube-apiserver, without dashes, in a stable order. */
export function apiServerFlags(access: ApiServerAccess): readonly (readonly [name: string, value: string])[] {
  return [
    ['encryption-provider-config', access.encryptionConfigFile],
    ...(access.automaticReload ? [['encryption-provider-config-automatic-reload', 'true'] as const] : []),
    ...featureGateFlag(access),
  ];
}

/** The one flag for all gates; none where no gate is set. */
export function featureGateFlag({ featureGates }: ApiServerAccess): readonly (readonly [string, string])[] {
  const gates = Object.entries(featureGates).map(([gate, on]) => `${gate}=${on}`);
  return gates.length === 0 ? [] : [['feature-gates', gates.sort().join(',')]];
}
