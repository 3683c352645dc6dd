// Memory of keyward's own driver, for trap 12.

/** What the driver takes besides key derivation, in MiB: measured, with some room. */
export const driverOwnMebibytes = 192;
