/** A client of the whole driver: CSI Identity, Controller and Node, and CSI-Addons, over its unix sockets. */
import { Client, credentials } from '@grpc/grpc-js';
import { EncryptionKeyRotationController } from '../../runtime/grpc/gen/csi_addons_encryption_key_rotation_pb';
import { Identity as AddonsIdentity } from '../../runtime/grpc/gen/csi_addons_identity_pb';
import { ReclaimSpaceController, ReclaimSpaceNode } from '../../runtime/grpc/gen/csi_addons_reclaim_space_pb';
import { Controller, Identity, Node } from '../../runtime/grpc/gen/csi_pb';
import { type OnCall, type UnaryClient, unaryClient } from './unary-client';

export interface CsiClientOptions {
  /** Path of the CSI socket. */
  readonly socket: string;
  /** Path of the CSI-Addons socket. @default the CSI socket */
  readonly addonsSocket?: string;
  /** For each call. @default 120,000 */
  readonly timeoutMs?: number;
  readonly onCall?: OnCall;
}

export interface CsiClient {
  readonly identity: UnaryClient<typeof Identity>;
  readonly controller: UnaryClient<typeof Controller>;
  readonly node: UnaryClient<typeof Node>;
  readonly addonsIdentity: UnaryClient<typeof AddonsIdentity>;
  readonly rotation: UnaryClient<typeof EncryptionKeyRotationController>;
  readonly reclaimController: UnaryClient<typeof ReclaimSpaceController>;
  readonly reclaimNode: UnaryClient<typeof ReclaimSpaceNode>;
  close(): void;
}

/** Connects at the first call. After the driver was restarted a new client is connected at once, an old one after a pause. */
export function csiClient({ socket, addonsSocket = socket, timeoutMs = 120_000, onCall }: CsiClientOptions): CsiClient {
  const csi = new Client(`unix:${socket}`, credentials.createInsecure());
  const addons = new Client(`unix:${addonsSocket}`, credentials.createInsecure());
  const options = { timeoutMs, ...(onCall && { onCall }) };
  return {
    identity: unaryClient(Identity, csi, options),
    controller: unaryClient(Controller, csi, options),
    node: unaryClient(Node, csi, options),
    addonsIdentity: unaryClient(AddonsIdentity, addons, options),
    rotation: unaryClient(EncryptionKeyRotationController, addons, options),
    reclaimController: unaryClient(ReclaimSpaceController, addons, options),
    reclaimNode: unaryClient(ReclaimSpaceNode, addons, options),
    close: () => {
      csi.close();
      addons.close();
    },
  };
}
