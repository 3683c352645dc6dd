/** Shows a request for the debug log. Fields that the .proto marks `csi_secret` appear by name only, at any depth. */
import { type DescMessage, getOption, hasOption, type MessageShape } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { csi_secret } from './gen/csi_secret_pb';

const maxLength = 2_000;

export function describeRequest(schema: DescMessage, message: MessageShape<DescMessage>): string {
  return JSON.stringify(shown(schema, message)).slice(0, maxLength);
}

function shown(schema: DescMessage, message: MessageShape<DescMessage>): Record<string, unknown> {
  const mirror = reflect(schema, message);
  const result: Record<string, unknown> = {};
  for (const field of schema.fields) {
    if (!mirror.isSet(field)) continue;
    if (hasOption(field, csi_secret) && getOption(field, csi_secret)) result[field.name] = '[secret]';
    else if (field.fieldKind === 'message')
      result[field.name] = shown(field.message, mirror.get(field).message as never);
    else if (field.fieldKind === 'scalar') result[field.name] = plain(mirror.get(field));
    else if (field.fieldKind === 'map' && field.mapKind === 'scalar')
      result[field.name] = Object.fromEntries(mirror.get(field));
    else result[field.name] = `[${field.fieldKind}]`;
  }
  return result;
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
