/** The clouds of Azure, told apart by the name of a vault: where to log in, and what the token is for. */

const clouds: readonly (readonly [suffix: string, authorityHost: string])[] = [
  ['vault.azure.net', 'https://login.microsoftonline.com'],
  ['vault.azure.cn', 'https://login.partner.microsoftonline.cn'],
  ['vault.usgovcloudapi.net', 'https://login.microsoftonline.us'],
];

export interface Cloud {
  readonly authorityHost: string;
  readonly resource: string;
}

/** ceph-csi knows the public cloud only; it is also what a name of no cloud stands for, such as that of a stand-in. */
export function cloudOf(vaultUrl: string): Cloud {
  const { hostname } = new URL(vaultUrl);
  const [suffix, authorityHost] = clouds.find(([name]) => hostname.endsWith(`.${name}`)) ?? clouds[0] ?? ['', ''];
  return { authorityHost, resource: `https://${suffix}` };
}
