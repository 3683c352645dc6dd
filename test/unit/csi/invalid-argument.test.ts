/** The fields that the CSI contract requires. Each is checked before anything is touched: the operations get nothing to work with. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { controllerHandlers } from '../../../runtime/csi/controller';
import { nodeHandlers } from '../../../runtime/csi/node';
import { nodeTopology } from '../../../runtime/csi/topology';
import type { CsiDeps } from '../../../runtime/csi/volume-calls';
import { keyRotationHandlers } from '../../../runtime/csi-addons/key-rotation';
import { reclaimNodeHandlers } from '../../../runtime/csi-addons/reclaim-space';
import type { BackEnd } from '../../../runtime/device/back-end';
import { loopBackEnds } from '../../../runtime/device/loop/loop-back-ends';
import { CodedError } from '../../../runtime/errors';
import { EncryptionKeyRotationController } from '../../../runtime/grpc/gen/csi_addons_encryption_key_rotation_pb';
import { ReclaimSpaceNode } from '../../../runtime/grpc/gen/csi_addons_reclaim_space_pb';
import {
  Controller,
  VolumeCapability_AccessMode_Mode as Mode,
  Node,
  type VolumeCapabilitySchema,
} from '../../../runtime/grpc/gen/csi_pb';
import { statusOfCode } from '../../../runtime/grpc/status';
import type { SharedDeps } from '../../../runtime/volume/context';

const touched = new Error('something was touched before the request was checked');
const untouchable = <T extends object>(known: Partial<T> = {}): T =>
  new Proxy(known as T, {
    get: (target, name) => {
      if (name in target) return target[name as keyof T];
      throw touched;
    },
  });
const refuse = () => {
  throw touched;
};
const shared: SharedDeps = {
  kms: untouchable(),
  cryptsetup: untouchable(),
  mounts: untouchable(),
  run: refuse,
  stages: untouchable(),
  orphans: untouchable(),
  verifications: untouchable(),
  locks: untouchable(),
  log: untouchable(),
  now: refuse,
};
const deps: CsiDeps = { shared, backEnds: loopBackEnds(untouchable<BackEnd>({ reach: 'node' })) };
const topology = nodeTopology('csi.keyward.dev', 'node-1');
const services = [
  [Controller, controllerHandlers(deps, topology)],
  [Node, nodeHandlers(deps, 'node-1', topology)],
  [EncryptionKeyRotationController, keyRotationHandlers(deps)],
  [ReclaimSpaceNode, reclaimNodeHandlers(deps)],
] as const;

/** Calls a method by its name with some fields, as the server would. */
async function call(method: string, fields: object): Promise<unknown> {
  for (const [service, handlers] of services) {
    const found = service.methods.find((each) => each.localName === method);
    const handler = (handlers as Record<string, ((request: never, options: object) => Promise<unknown>) | undefined>)[
      method
    ];
    if (found && handler)
      return handler(create(found.input, fields as never) as never, { signal: new AbortController().signal });
  }
  throw new Error(`nobody serves ${method}`);
}

const capability: MessageInitShape<typeof VolumeCapabilitySchema> = {
  accessMode: { mode: Mode.SINGLE_NODE_WRITER },
  accessType: { case: 'mount', value: {} },
};
const parameters = { encrypted: 'true', encryptionKMSID: 'eu' };
const volume = { name: 'n', volumeCapabilities: [capability], parameters };
const staged = { volumeId: 'v', stagingTargetPath: '/s', volumeCapability: capability };
const published = { volumeId: 'v', targetPath: '/t', stagingTargetPath: '/s', volumeCapability: capability };

const requests: readonly (readonly [method: string, whole: Record<string, unknown>, required: readonly string[]])[] = [
  ['createVolume', volume, ['name', 'volumeCapabilities', 'parameters']],
  ['deleteVolume', { volumeId: 'v' }, ['volumeId']],
  [
    'validateVolumeCapabilities',
    { volumeId: 'v', volumeCapabilities: [capability] },
    ['volumeId', 'volumeCapabilities'],
  ],
  ['controllerGetVolume', { volumeId: 'v' }, ['volumeId']],
  ['createSnapshot', { sourceVolumeId: 'v', name: 'n' }, ['sourceVolumeId', 'name']],
  ['deleteSnapshot', { snapshotId: 's' }, ['snapshotId']],
  ['controllerExpandVolume', { volumeId: 'v', capacityRange: { requiredBytes: 1n } }, ['volumeId', 'capacityRange']],
  ['nodeStageVolume', staged, ['volumeId', 'stagingTargetPath', 'volumeCapability']],
  ['nodeUnstageVolume', { volumeId: 'v', stagingTargetPath: '/s' }, ['volumeId', 'stagingTargetPath']],
  ['nodePublishVolume', published, ['volumeId', 'targetPath', 'volumeCapability']],
  ['nodeUnpublishVolume', { volumeId: 'v', targetPath: '/t' }, ['volumeId', 'targetPath']],
  ['nodeGetVolumeStats', { volumeId: 'v', volumePath: '/t' }, ['volumeId', 'volumePath']],
  ['nodeExpandVolume', { volumeId: 'v', volumePath: '/t' }, ['volumeId', 'volumePath']],
  ['encryptionKeyRotate', { volumeId: 'v' }, ['volumeId']],
  ['nodeReclaimSpace', { volumeId: 'v', stagingTargetPath: '/s' }, ['volumeId', 'stagingTargetPath']],
];
const missing = requests.flatMap(([method, whole, fields]) => fields.map((field) => [method, field, whole] as const));

test.each(missing)('%s without %s is InvalidArgument', async (method, field, whole) => {
  const { [field]: _left, ...rest } = whole;
  await expect(call(method, rest)).toRejectWithCode('REQUEST_INVALID');
  expect(statusOfCode.REQUEST_INVALID).toBe(status.INVALID_ARGUMENT);
});

test.each(requests)('%s with all that is required goes to work', async (method, whole) => {
  await expect(call(method, whole)).rejects.toBe(touched);
});

describe('createVolume', () => {
  const wrong: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['a mutable parameter', { mutableParameters: { iops: '1' } }, 'REQUEST_INVALID'],
    ['a source that names nothing', { volumeContentSource: {} }, 'REQUEST_INVALID'],
    ['a source without an id', { volumeContentSource: { type: { case: 'snapshot', value: {} } } }, 'REQUEST_INVALID'],
    ['a negative size', { capacityRange: { requiredBytes: -1n } }, 'REQUEST_INVALID'],
    ['a limit above all counting', { capacityRange: { limitBytes: 1n << 62n } }, 'REQUEST_INVALID'],
    ['trap 1: encryption that is not asked for', { parameters: { encryptionKMSID: 'eu' } }, 'REQUEST_INVALID'],
    ['trap 1: encrypted: "false"', { parameters: { ...parameters, encrypted: 'false' } }, 'REQUEST_INVALID'],
    ['trap 1: encrypted: "yes"', { parameters: { ...parameters, encrypted: 'yes' } }, 'REQUEST_INVALID'],
    ['no KMS', { parameters: { encrypted: 'true' } }, 'REQUEST_INVALID'],
    ['a misspelt parameter', { parameters: { ...parameters, encryptionKmsId: 'eu' } }, 'REQUEST_INVALID'],
    [
      'an unknown filesystem',
      { volumeCapabilities: [{ ...capability, accessType: { case: 'mount', value: { fsType: 'zfs' } } }] },
      'FILESYSTEM_UNKNOWN',
    ],
    [
      'other nodes only',
      {
        accessibilityRequirements: {
          requisite: [{ segments: { [Object.keys(topology.segments[0]?.segments ?? {})[0] ?? '']: 'node-2' } }],
        },
      },
      'VOLUME_ELSEWHERE',
    ],
  ];
  test.each(wrong)('refuses %s, with what to do about it', async (_, fields, code) => {
    const error = await call('createVolume', { ...volume, ...fields }).catch((thrown: unknown) => thrown);
    expect(() => {
      throw error;
    }).toThrowWithCode(code);
    expect(error instanceof CodedError && error.remedy).toMatch(/\w{3}/);
  });
});

test('listing refuses a negative count', async () => {
  await expect(call('listVolumes', { maxEntries: -1 })).toRejectWithCode('REQUEST_INVALID');
  await expect(call('listSnapshots', { maxEntries: -1 })).toRejectWithCode('REQUEST_INVALID');
});

test('the capacity of another node is none, and nothing is asked for it', async () => {
  const accessibleTopology = { segments: { [Object.keys(topology.segments[0]?.segments ?? {})[0] ?? '']: 'node-2' } };
  await expect(call('getCapacity', { accessibleTopology })).resolves.toEqual({ availableCapacity: 0n });
});
