// A program of Pulumi that declares every kind of thing that a VaultState has; pulumi.test.ts runs it.
import { readFileSync } from 'node:fs';
import { Config } from '@pulumi/pulumi';
import { VaultState } from '../../../lib/pulumi';

const config = new Config();
const { certificate, publicKey } = JSON.parse(readFileSync('values.json', 'utf8'));
const kubernetesHost = 'https://127.0.0.1:6443';
const templated = '{{identity.entity.aliases.{{accessor:auth/kubernetes}}.metadata.service_account_namespace}}';
const tokens = { tokenPolicies: ['reader'], tokenTtl: 3600 };

const namespace = {
  mounts: {
    keys: { type: 'kv', version: 2, maxVersions: 3, deleteVersionAfter: 7200, description: 'keys of volumes' },
    plain: { type: 'kv', version: 1 },
    transit: { type: 'transit', keys: { etcd: { autoRotatePeriod: 86400, deletionAllowed: true } } },
  },
  policies: {
    reader: {
      rules: [
        { path: `keys/data/${templated}/*`, capabilities: ['read'] },
        { path: 'own/{{accessor:auth/token}}', capabilities: ['read'] },
      ],
    },
  },
  auth: {
    kubernetes: {
      type: 'kubernetes',
      config: {
        kubernetesHost,
        kubernetesCaCert: certificate,
        reviewer: { mode: 'reviewer-token', tokenReviewerJwt: { file: '/given/by/pulumi' } },
      },
      roles: {
        csi: {
          boundServiceAccountNames: ['csi'],
          boundServiceAccountNamespaces: ['storage'],
          audience: 'vault',
          tokenType: 'batch',
          tokenNoDefaultPolicy: true,
          ...tokens,
        },
      },
    },
    client: {
      type: 'kubernetes',
      config: { kubernetesHost, kubernetesCaCert: certificate, reviewer: { mode: 'client-token' } },
    },
    own: {
      type: 'kubernetes',
      config: { kubernetesHost, kubernetesCaCert: certificate, reviewer: { mode: 'vault-own-token' } },
    },
    approle: { type: 'approle', roles: { plugin: { secretIdTtl: 0, tokenPolicies: ['reader'], tokenPeriod: 3600 } } },
    token: {
      type: 'token',
      roles: { plugin: { allowedPolicies: ['reader'], orphan: true, renewable: true, tokenPeriod: 3600 } },
    },
    jwt: {
      type: 'jwt',
      config: { jwtValidationPubkeys: [publicKey], boundIssuer: 'ci' },
      roles: {
        ci: { userClaim: 'sub', boundAudiences: ['vault'], boundClaims: { team: ['x', 'y'], one: 'z' }, ...tokens },
      },
    },
    cert: { type: 'cert', roles: { node: { certificate, allowedCommonNames: ['node'], ...tokens } } },
  },
} as const;

const vault = new VaultState('vault', {
  state: {
    owner: 'test',
    namespaces: {
      '': { ...namespace, quotas: { csi: { path: 'keys/', rate: 100, interval: 60, blockInterval: 5 } } },
      team: namespace,
      'team/inner': { mounts: { keys: { type: 'kv', version: 2 } } },
    },
  },
  protect: config.requireBoolean('protect'),
  reviewerJwts: {
    kubernetes: config.requireSecret('reviewerJwt'),
    'team/kubernetes': config.requireSecret('reviewerJwt'),
  },
  secretIdsFor: ['approle/plugin', 'team/approle/plugin'],
});

export const secretId = vault.secretIds['approle/plugin'];
