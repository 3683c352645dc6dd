/** A finding with the place in the files that were given. */
import type { Finding } from '../../lib/rules/rule';

/** A finding with the file that it is in, and the line where its document begins. */
export type PlacedFinding = Omit<Finding, 'index'> & { readonly file: string; readonly line: number };
