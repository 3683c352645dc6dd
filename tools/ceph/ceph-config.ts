/** ceph.conf of a Ceph of one monitor and some OSDs that lives in one folder, needs no block device and little memory. */
import { join } from 'node:path';

export interface CephConfig {
  readonly folder: string;
  readonly fsid: string;
  readonly address: string;
  /** `memstore` where the folder cannot do direct writes, as tmpfs cannot. */
  readonly store: 'bluestore' | 'memstore';
  readonly sizeBytes: number;
}

/** Where monitors speak the old protocol, by convention. */
export const legacyPort = 6789;

/** Both addresses of the monitor, as `mon_host` and monmaptool take them. */
export function monitorAddress({ address }: CephConfig): string {
  return `[v2:${address}:3300,v1:${address}:${legacyPort}]`;
}

/** The text of the file. */
export function cephConfig(config: CephConfig): string {
  const { folder, fsid, address, store, sizeBytes } = config;
  const sections = {
    global: {
      fsid,
      mon_host: monitorAddress(config),
      public_addr: address,
      cluster_addr: address,
      auth_cluster_required: 'cephx',
      auth_service_required: 'cephx',
      auth_client_required: 'cephx',
      auth_allow_insecure_global_id_reclaim: false,
      keyring: join(folder, 'keyring'),
      run_dir: folder,
      crash_dir: join(folder, 'crash'),
      log_file: '',
      mon_cluster_log_file: '',
      osd_pool_default_size: 1,
      osd_pool_default_min_size: 1,
      osd_pool_default_pg_autoscale_mode: 'off',
      osd_crush_chooseleaf_type: 0,
      mon_allow_pool_size_one: true,
      // The disk of this machine may be fuller than a monitor likes.
      mon_data_avail_crit: 1,
      mon_data_avail_warn: 2,
      rbd_default_features: 61,
    },
    mon: {
      mon_data: join(folder, 'mon'),
      admin_socket: '',
      log_to_stderr: true,
      debug_rocksdb: 1,
      mon_allow_pool_delete: true,
      mon_initial_members: 'a',
    },
    osd: {
      osd_data: join(folder, 'osd.$id'),
      admin_socket: '',
      log_to_stderr: true,
      debug_rocksdb: 1,
      osd_objectstore: store,
      memstore_device_bytes: sizeBytes,
      bluestore_block_size: sizeBytes,
      bluestore_block_create: true,
      bluestore_block_wal_create: false,
      bluestore_block_db_create: false,
      bluestore_fsck_on_mkfs: false,
      bluestore_cache_autotune: false,
      bluestore_cache_size: 64 * 1024 * 1024,
      osd_op_num_shards: 2,
      osd_op_num_threads_per_shard: 1,
      osd_class_load_list: '*',
      osd_class_default_list: '*',
      // It stays "up" for the monitor otherwise, and nobody could wait for its return.
      osd_fast_shutdown_notify_mon: true,
      // A loaded machine must not make the monitor believe that the OSD is dead.
      osd_heartbeat_grace: 600,
    },
  };
  const lines = Object.entries(sections).flatMap(([name, settings]) => [
    `[${name}]`,
    ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`),
  ]);
  return `${lines.join('\n')}\n`;
}
