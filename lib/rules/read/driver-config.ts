// Configurations of keyward's own driver that stand in the set.
import { configFileName } from '../../schema/names';
import { decodeRuntimeConfig, type RuntimeConfig } from '../../schema/runtime-config';
import { SchemaError } from '../../schema/schema-error';
import type { KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, isFields, jsonOf, textOf } from './values';

/** A ConfigMap with the `config.json` of a driver. */
export interface DriverConfig {
  readonly object: KubernetesObject;
  readonly config: RuntimeConfig;
}

/** All of them. One that the runtime would refuse is left out: it says so itself at its start. */
export function driverConfigsOf(objects: ObjectSet): readonly DriverConfig[] {
  return objects.of('ConfigMap').flatMap((object) => {
    const text = textOf(at(object.fields, 'data', configFileName));
    if (text === undefined || !text.includes('"backend"')) return [];
    if (!isFields(at(jsonOf(text), 'backend'))) return [];
    try {
      return [{ object, config: decodeRuntimeConfig(text) }];
    } catch (error) {
      if (error instanceof SchemaError) return [];
      throw error;
    }
  });
}
