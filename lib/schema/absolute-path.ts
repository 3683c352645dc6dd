// Paths that a configuration names: the same place whoever reads them, so absolute and without dots.
import * as z from 'zod';

const absolute = /^\/(?!.*(^|\/)\.\.?(\/|$))[^\0]*[^/\0]$/;

/** An absolute path of a directory that is not the root. */
export const absoluteDirectory = z.string().regex(absolute, { error: 'is not an absolute path of a directory' });

/** An absolute path of a file. */
export const absoluteFile = z.string().regex(absolute, { error: 'is not an absolute path of a file' });
