// How Vault asks the API server whether a pod's token is good.
import { type Input, type Output, secret } from '@pulumi/pulumi';
import { kubernetes } from '@pulumi/vault';
import type { KubernetesAuth } from '../../vault/state';
import { childName, childOptions, namespaceOf, type VaultPlace } from './place';
import { pem } from './writable';

/** A Kubernetes auth method that is being made. */
export interface KubernetesMethod {
  /** Its path, known once it is there. */
  readonly backend: Output<string>;
  readonly declared: KubernetesAuth;
  /** The long-lived token of the reviewer, for the mode that uses one. */
  readonly reviewerJwt: Input<string> | undefined;
}

/** Configures the method in its reviewer mode (R4); that the token fits the mode is checked (check-secrets.ts). */
export function configureKubernetes(place: VaultPlace, path: string, method: KubernetesMethod): void {
  const { reviewer, issuer, kubernetesHost, kubernetesCaCert } = method.declared.config;
  new kubernetes.AuthBackendConfig(
    childName(place, 'kubernetes-config', path),
    {
      backend: method.backend,
      kubernetesHost,
      ...(kubernetesCaCert !== undefined && { kubernetesCaCert: pem(kubernetesCaCert) }),
      ...(method.reviewerJwt !== undefined && { tokenReviewerJwt: secret(method.reviewerJwt) }),
      // Else Vault would send the token of its own pod.
      disableLocalCaJwt: reviewer.mode !== 'vault-own-token',
      // Since Kubernetes 1.21 clusters name themselves as they like: the API server checks the issuer, Vault only on request.
      disableIssValidation: issuer === undefined,
      ...(issuer !== undefined && { issuer }),
      ...namespaceOf(place),
    },
    childOptions(place, { additionalSecretOutputs: ['tokenReviewerJwt'] }),
  );
}
