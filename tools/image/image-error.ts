/** Why an image could not be made; the message ends with what the user can do. */
export type ImageErrorCode =
  | 'IMAGE_NAME_INVALID'
  | 'IMAGE_ENTRY_INVALID'
  | 'ARCHITECTURE_UNKNOWN'
  | 'APT_MISSING'
  | 'APT_FAILED'
  | 'PACKAGE_UNREADABLE'
  | 'PATH_MISSING'
  | 'LIBRARY_MISSING'
  | 'NODE_UNUSABLE';

/** Error of the image builder, with a closed set of codes. */
export class ImageError extends Error {
  override readonly name = 'ImageError';

  constructor(
    readonly code: ImageErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
