/** Content that is named by its digest. */
import { createHash } from 'node:crypto';

/** How a document refers to a blob. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** A blob of an image. */
export interface Blob {
  readonly descriptor: Descriptor;
  readonly content: Buffer | { readonly file: string };
}

/** The blob of a JSON document. */
export function jsonBlob(mediaType: string, document: unknown): Blob & { readonly content: Buffer } {
  const content = Buffer.from(JSON.stringify(document));
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  return { descriptor: { mediaType, digest, size: content.length }, content };
}
