// A program that has the component from the plugin, as one in any other language would; pulumi.test.ts runs it.
import { ComponentResource, Config, type Output } from '@pulumi/pulumi';

class RemoteVaultState extends ComponentResource {
  declare readonly roleIds: Output<Readonly<Record<string, string>>>;

  constructor(name: string, args: object) {
    super('keyward:index:VaultState', name, { args, roleIds: undefined }, {}, true);
  }
}

const config = { kubernetesHost: 'https://127.0.0.1:6443', kubernetesCaCert: new Config().require('ca') };
const reviewer = { mode: 'reviewer-token', tokenReviewerJwt: { file: '/given/by/pulumi' } };
const auth = {
  remote: { type: 'kubernetes', config: { ...config, reviewer } },
  approle: { type: 'approle', roles: { plugin: { secretIdTtl: 0 } } },
};
const mounts = { remote: { type: 'kv', version: 2 } };

export const { roleIds } = new RemoteVaultState('remote', {
  state: { owner: 'test', namespaces: { '': { mounts, auth } } },
  reviewerJwts: { remote: new Config().requireSecret('reviewerJwt') },
  protect: false,
});
