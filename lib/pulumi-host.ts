#!/usr/bin/env node
// The components for Pulumi programs in other languages: a plugin that Pulumi starts as `pulumi-resource-keyward`
// (docs/decisions/0014). What is wrong in the arguments is refused as in TypeScript; types they have none.
import { readFileSync } from 'node:fs';
import type { ComponentResource, ComponentResourceOptions, Inputs } from '@pulumi/pulumi';
import { type ConstructResult, main, type Provider } from '@pulumi/pulumi/provider';
import { ApiServerKms, EncryptedStorage, RookKms, TenantKms, VaultState } from './pulumi';

type Component = new (name: string, args: never, options: ComponentResourceOptions) => ComponentResource;

/** Each component with its outputs, which are fields of its class. */
const components: Readonly<Record<string, readonly [type: Component, ...outputs: string[]]>> = {
  'keyward:index:ApiServerKms': [ApiServerKms, 'files', 'settings', 'roleId', 'secretId'],
  'keyward:index:EncryptedStorage': [EncryptedStorage, 'driverName', 'storageClassNames', 'configMapNames'],
  'keyward:index:RookKms': [RookKms, 'securityBlock'],
  'keyward:index:TenantKms': [TenantKms],
  'keyward:index:VaultState': [VaultState, 'roleIds', 'secretIds'],
};

/** The one input of each: its arguments, as in TypeScript. The schema language has no unions of objects. */
const args = { $ref: 'pulumi.json#/Any', plain: true };

class KeywardProvider implements Provider {
  readonly version = ownVersion();

  async getSchema(): Promise<string> {
    const resources = Object.entries(components).map(([token, [, ...outputs]]) => {
      const properties = Object.fromEntries(outputs.map((output) => [output, { $ref: 'pulumi.json#/Any' }]));
      return [token, { isComponent: true, inputProperties: { args }, requiredInputs: ['args'], properties }];
    });
    return JSON.stringify({ name: 'keyward', version: this.version, resources: Object.fromEntries(resources) });
  }

  async construct(
    name: string,
    type: string,
    inputs: Inputs,
    options: ComponentResourceOptions,
  ): Promise<ConstructResult> {
    const [Type, ...outputs] = components[type] ?? refuseUnknown(type);
    const made = new Type(name, inputs.args as never, options) as ComponentResource & Inputs;
    return { urn: made.urn, state: Object.fromEntries(outputs.map((output) => [output, made[output]])) };
  }
}

function refuseUnknown(type: string): never {
  throw new Error(`${type}: no such component. There are ${Object.keys(components).join(', ')}`);
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(require.resolve('keyward/package.json'), 'utf8')) as { version: string }).version;
}

main(new KeywardProvider(), process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
