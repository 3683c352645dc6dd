import { create, createFileRegistry, type DescMessage, getOption, hasOption } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { EncryptionKeyRotateRequestSchema } from '../../../runtime/grpc/gen/csi_addons_encryption_key_rotation_pb';
import { CreateVolumeRequestSchema, file_csi, NodeStageVolumeRequestSchema } from '../../../runtime/grpc/gen/csi_pb';
import { csi_secret } from '../../../runtime/grpc/gen/csi_secret_pb';
import { describeRequest } from '../../../runtime/grpc/redact';

const secrets = { encryptionPassphrase: 'canary' };

test('shows the fields of a request by their names in the specification', () => {
  const request = create(CreateVolumeRequestSchema, {
    name: 'pvc-1',
    capacityRange: { requiredBytes: 1n << 40n },
    parameters: { encrypted: 'true' },
  });
  const shown = describeRequest(CreateVolumeRequestSchema, request);
  expect(JSON.parse(shown)).toEqual({
    name: 'pvc-1',
    capacity_range: { required_bytes: '1099511627776' },
    parameters: { encrypted: 'true' },
  });
});

describe('R11: what the specification marks csi_secret is shown by name only', () => {
  test.each([
    ['CreateVolume', CreateVolumeRequestSchema, create(CreateVolumeRequestSchema, { secrets })],
    ['NodeStageVolume', NodeStageVolumeRequestSchema, create(NodeStageVolumeRequestSchema, { secrets })],
    ['EncryptionKeyRotate', EncryptionKeyRotateRequestSchema, create(EncryptionKeyRotateRequestSchema, { secrets })],
  ] as const)('in %s', (_, schema, request) => {
    const shown = describeRequest(schema, request as never);
    expect(shown).not.toContain('canary');
    expect(JSON.parse(shown)).toEqual({ secrets: '[secret]' });
  });

  test('every field called secrets carries the mark, so none is forgotten', () => {
    const unmarked: string[] = [];
    let marked = 0;
    const visit = (message: DescMessage) => {
      for (const field of message.fields.filter((each) => each.name === 'secrets')) {
        if (hasOption(field, csi_secret) && getOption(field, csi_secret)) marked += 1;
        else unmarked.push(`${message.name}.${field.name}`);
      }
      message.nestedMessages.forEach(visit);
    };
    file_csi.messages.forEach(visit);
    expect(unmarked).toEqual([]);
    expect(marked).toBeGreaterThan(10);
  });

  test('at any depth: a message inside a message is walked', () => {
    // CSI has no request inside a message today, so a message that has one is put together.
    const outer = messageAround('csi.v1.CreateVolumeRequest');
    const inner = create(CreateVolumeRequestSchema, { name: 'pvc-1', secrets });
    const shown = describeRequest(outer, create(outer, { inner } as never));
    expect(JSON.parse(shown)).toEqual({ inner: { name: 'pvc-1', secrets: '[secret]' } });
  });
});

test('a huge request is cut', () => {
  const parameters = { long: 'x'.repeat(100_000) };
  const shown = describeRequest(CreateVolumeRequestSchema, create(CreateVolumeRequestSchema, { parameters }));
  expect(shown.length).toBeLessThanOrEqual(2_000);
});

function messageAround(typeName: string): DescMessage {
  const { MESSAGE } = FieldDescriptorProto_Type;
  const inner = {
    name: 'inner',
    number: 1,
    type: MESSAGE,
    label: FieldDescriptorProto_Label.OPTIONAL,
    typeName: `.${typeName}`,
  };
  const file = create(FileDescriptorProtoSchema, {
    name: 'around.proto',
    syntax: 'proto3',
    package: 'test',
    dependency: [file_csi.proto.name],
    messageType: [{ name: 'Outer', field: [inner] }],
  });
  const outer = createFileRegistry(file, () => file_csi).getMessage('test.Outer');
  if (!outer) throw new Error('the message is not in its own file');
  return outer;
}
