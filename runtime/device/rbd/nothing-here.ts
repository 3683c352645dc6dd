/**
 * The back end of an id that no Ceph cluster gave out: it holds nothing. So such an id is answered as any that is unknown, with
 * NotFound, or with success where the volume shall be gone.
 */
import type { BackEnd, RecordStore } from '../back-end';
import type { SnapshotRecord, VolumeRecord } from '../record';
import { notFound } from './locate';

function noRecords<R extends VolumeRecord | SnapshotRecord>(kind: 'volume' | 'snapshot'): RecordStore<R> {
  return {
    reserve: (name) => Promise.reject(notFound({ kind, id: name })),
    get: async () => undefined,
    put: ({ id }) => Promise.reject(notFound({ kind, id })),
    update: (id) => Promise.reject(notFound({ kind, id })),
    list: async () => [],
    forget: async () => undefined,
  };
}

export const nothingHere: BackEnd = {
  reach: 'cluster',
  volumes: noRecords('volume'),
  snapshots: noRecords('snapshot'),
  images: {
    copies: 'layers',
    allocate: (image) => Promise.reject(notFound(image)),
    copy: (from) => Promise.reject(notFound(from)),
    sizeBytes: async () => undefined,
    isUnwritten: async () => undefined,
    usedBy: async () => undefined,
    remove: async () => undefined,
    withHeader: (image) => Promise.reject(notFound(image)),
  },
  devices: {
    attach: (id) => Promise.reject(notFound({ kind: 'volume', id })),
    find: async () => undefined,
    refreshSize: (id) => Promise.reject(notFound({ kind: 'volume', id })),
    detach: async () => undefined,
  },
  isElsewhere: () => false,
  exclusively: (id) => Promise.reject(notFound({ kind: 'volume', id })),
  volumeContext: async () => ({}),
  capacity: async () => ({ availableBytes: 0, maximumImageBytes: 0 }),
};
