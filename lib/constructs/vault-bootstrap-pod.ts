// The pod that runs `keyward vault apply`: its arguments, and the files that they name.
import { dirname, posix } from 'node:path';
import { k8s } from 'cdk8s-plus-27';
import { mountPaths, secretFile, serviceAccountTokenFile } from '../schema/names';
import type { VaultState } from '../vault/state';
import { imageUser } from './images';
import { propError } from './prop-error';

const stateFolder = '/etc/keyward/vault';
const loginFolder = '/etc/keyward/vault-login';
const caFolder = '/etc/keyward/vault-ca';

/** The server, as the Job reaches it. */
export interface VaultBootstrapServer {
  /** `https://host:port`. */
  readonly address: string;
  /**
   * Namespace of the login and of the state.
   * @default - the root namespace
   */
  readonly namespace?: string;
  /**
   * CA of the server: one key of a ConfigMap or Secret in the namespace of the Job, `ca.crt` unless it says another.
   * @default - the CAs of Node.js, which are public ones
   */
  readonly ca?:
    | { readonly configMap: string; readonly key?: string }
    | { readonly secret: string; readonly key?: string };
  /**
   * Name to expect in the certificate of the server.
   * @default - the host of the address
   */
  readonly serverName?: string;
}

/** How the Job logs in. Secrets are those of its own namespace, mounted as files. */
export type VaultBootstrapLogin =
  | {
      /** With the service account of the Job. The role must be there before: a state cannot make the role it is applied with. */
      readonly method: 'kubernetes';
      readonly role: string;
      /** @default kubernetes */
      readonly mount?: string;
      /** @default - that of the API server */
      readonly audience?: string;
    }
  | {
      readonly method: 'token';
      /** The Secret with the token; its key is `token` unless it says another. */
      readonly secret: { readonly name: string; readonly key?: string };
    }
  | {
      readonly method: 'approle';
      /** The Secret with the keys `role-id` and `secret-id`. */
      readonly secret: { readonly name: string };
      /** @default approle */
      readonly mount?: string;
    };

/** What the pod is made of. */
export interface VaultBootstrapPodProps {
  readonly state: VaultState;
  readonly server: VaultBootstrapServer;
  readonly login: VaultBootstrapLogin;
  readonly namespace: string;
  readonly image: string;
  readonly serviceAccountName: string;
  readonly adopt: readonly string[];
  readonly deleteData: readonly string[];
  readonly raiseMinDecryption: readonly string[];
}

/** The file of the state in its ConfigMap. */
export const stateFileName = 'state.json';

/** The pod, which reads the state from the ConfigMap of this name. Throws for a secret that no volume can hold. */
export function vaultBootstrapPod(props: VaultBootstrapPodProps, configMapName: string): k8s.PodSpec {
  const volumes = [
    mounted('state', stateFolder, { configMap: { name: configMapName } }),
    ...caVolume(props.server),
    loginVolume(props.login),
    ...secretVolumes(props),
  ];
  return {
    serviceAccountName: props.serviceAccountName,
    automountServiceAccountToken: false,
    restartPolicy: 'Never',
    // The files are readable by the group.
    securityContext: { runAsNonRoot: true, runAsUser: imageUser, runAsGroup: imageUser, fsGroup: imageUser },
    containers: [
      {
        name: 'keyward-vault-apply',
        image: props.image,
        args: applyArguments(props),
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
        resources: {
          requests: { cpu: k8s.Quantity.fromString('10m'), memory: k8s.Quantity.fromString('64Mi') },
          limits: { memory: k8s.Quantity.fromString('256Mi') },
        },
        volumeMounts: volumes.map(({ mount }) => mount),
      },
    ],
    volumes: volumes.map(({ volume }) => volume),
  };
}

function applyArguments(props: VaultBootstrapPodProps): string[] {
  const { server, login, namespace } = props;
  return [
    'vault',
    'apply',
    `--state=${stateFolder}/${stateFileName}`,
    `--address=${server.address}`,
    ...(server.namespace === undefined ? [] : [`--namespace=${server.namespace}`]),
    ...(server.ca === undefined ? [] : [`--ca-cert=${caFolder}/ca.crt`]),
    ...(server.serverName === undefined ? [] : [`--tls-server-name=${server.serverName}`]),
    ...loginArguments(login),
    `--secrets-dir=${mountPaths.secrets}`,
    `--secrets-namespace=${namespace}`,
    ...props.adopt.map((path) => `--adopt=${path}`),
    ...props.deleteData.map((path) => `--delete-data=${path}`),
    ...props.raiseMinDecryption.map((path) => `--raise-min-decryption=${path}`),
  ];
}

function loginArguments(login: VaultBootstrapLogin): string[] {
  const mount = 'mount' in login && login.mount !== undefined ? [`--auth-mount=${login.mount}`] : [];
  switch (login.method) {
    case 'kubernetes':
      return ['--auth-method=kubernetes', ...mount, `--role=${login.role}`, `--jwt-file=${serviceAccountTokenFile}`];
    case 'token':
      return ['--auth-method=token', `--token-file=${loginFolder}/token`];
    case 'approle':
      return [
        '--auth-method=approle',
        ...mount,
        `--role-id-file=${loginFolder}/role-id`,
        `--secret-id-file=${loginFolder}/secret-id`,
      ];
  }
}

interface Mounted {
  readonly volume: k8s.Volume;
  readonly mount: k8s.VolumeMount;
}

const groupReads = 0o440;

function mounted(name: string, mountPath: string, source: Omit<k8s.Volume, 'name'>): Mounted {
  return { volume: { name, ...source }, mount: { name, mountPath, readOnly: true } };
}

function caVolume({ ca }: VaultBootstrapServer): Mounted[] {
  if (ca === undefined) return [];
  const items = [{ key: ca.key ?? 'ca.crt', path: 'ca.crt' }];
  const source =
    'secret' in ca ? { secret: { secretName: ca.secret, items } } : { configMap: { name: ca.configMap, items } };
  return [mounted('vault-ca', caFolder, source)];
}

function loginVolume(login: VaultBootstrapLogin): Mounted {
  if (login.method === 'kubernetes') {
    const { audience } = login;
    const token = {
      path: posix.basename(serviceAccountTokenFile),
      expirationSeconds: 600,
      ...(audience && { audience }),
    };
    return mounted('login', dirname(serviceAccountTokenFile), {
      projected: { sources: [{ serviceAccountToken: token }] },
    });
  }
  const items =
    login.method === 'token'
      ? [{ key: login.secret.key ?? 'token', path: 'token' }]
      : ['role-id', 'secret-id'].map((key) => ({ key, path: key }));
  return mounted('login', loginFolder, {
    secret: { secretName: login.secret.name, items, defaultMode: groupReads },
  });
}

/** The Secrets that the state names, where `keyward vault apply` looks for them. */
function secretVolumes({ state, namespace }: VaultBootstrapPodProps): Mounted[] {
  const sources = Object.entries(state.namespaces).flatMap(([at, { auth = {} }]) =>
    Object.entries(auth).flatMap(([path, method]) => {
      if (method.type !== 'kubernetes' || method.config.reviewer.mode !== 'reviewer-token') return [];
      const prop = `state.namespaces[${JSON.stringify(at)}].auth.${path}.config.reviewer.tokenReviewerJwt`;
      const source = method.config.reviewer.tokenReviewerJwt;
      if (!('secret' in source)) throw notMounted(prop, `the file ${source.file}`, namespace);
      const { name, key, namespace: own = namespace } = source.secret;
      if (own !== namespace) throw notMounted(prop, `the Secret ${name} of the namespace ${own}`, namespace);
      const file = posix.relative(mountPaths.secrets, secretFile({ namespace, name, key }));
      return [{ secret: { name, items: [{ key, path: file }] } }];
    }),
  );
  if (sources.length === 0) return [];
  return [mounted('secrets', mountPaths.secrets, { projected: { sources, defaultMode: groupReads } })];
}

function notMounted(prop: string, got: string, namespace: string): Error {
  return propError({
    prop,
    got,
    allowed: `a Secret of the namespace ${namespace}`,
    remedy: 'A pod mounts Secrets of its own namespace only: put the value there',
    rule: 'R3',
  });
}
