/** References of images. */
import { ImageError } from './image-error';

/** A reference in its parts. */
export interface ImageName {
  /** As given: registry, path and tag. */
  readonly full: string;
  readonly tag: string;
}

const host = String.raw`(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d+)?`;
const part = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const pattern = new RegExp(String.raw`^${host}(?:/${part})+:(?<tag>\w[\w.-]{0,127})$`);

/**
 * Reads a reference with registry and tag: containerd completes nothing, and a Pod must give the very same words.
 * Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
 * @throws ImageError IMAGE_NAME_INVALID
 */
export function parseImageName(text: string): ImageName {
  const tag = pattern.exec(text)?.groups?.tag;
  if (tag !== undefined) return { full: text, tag };
  throw new ImageError(
    'IMAGE_NAME_INVALID',
    `${text} is no full name of an image. Give registry, path and tag, as in registry.example.com/keyward:0.1.0.`,
  );
}
