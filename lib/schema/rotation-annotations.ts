// The annotations by which CSI-Addons is told when to rotate keys: written by the declaration, and read by keyward's own scheduler.

const prefix = 'keyrotation.csiaddons.openshift.io';

/** Annotations that CSI-Addons reads, and the one that takes a job out of its hands. */
export const csiAddonsAnnotations = {
  schedule: `${prefix}/schedule`,
  enable: `${prefix}/enable`,
  drivers: `${prefix}/drivers`,
  /** Written by the controller of CSI-Addons: the name of the cron job that it made for the claim. */
  cronJob: `${prefix}/cronjob`,
  state: 'csiaddons.openshift.io/state',
} as const;
