// cdk8s stamps the chart's namespace on every object, also on those that no namespace can hold.
import { type ApiObject, JsonPatch } from 'cdk8s';

/** Takes the chart's namespace off an object of the whole cluster. */
export function clusterScoped<T extends ApiObject>(object: T): T {
  if (object.metadata.namespace !== undefined) object.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
  return object;
}
