/** Decides where the inner program runs, installs what that needs where this user may, and says why. */
import { release } from 'node:os';
import { hostSupport, prepareGuest } from '../tools/guest/host-support';
import { progressPrinter } from '../tools/progress-printer';
import { ToolError } from '../tools/tool-error';

export type Place =
  | { readonly mode: 'native' | 'guest'; readonly why: string }
  /** `why` says what is missing and what to do. */
  | { readonly mode: 'none'; readonly why: string };

/** @param say Gets lines for people. */
export async function findPlace(say: (line: string) => void): Promise<Place> {
  let support = await hostSupport();
  if (support.mode === 'none') {
    say(`Missing here: ${support.missing.join(', ')}. Installing it from Debian's packages, where this user may.`);
    try {
      support = await prepareGuest({ onProgress: progressPrinter(say) });
    } catch (error) {
      if (error instanceof ToolError) return { mode: 'none', why: error.message };
      throw error;
    }
  }
  switch (support.mode) {
    case 'native':
      return { mode: 'native', why: `this process is root and the kernel here (${release()}) has dm-crypt` };
    case 'guest':
      return {
        mode: 'guest',
        why: `${process.getuid?.() === 0 ? `the kernel here (${release()}) lets this process have no dm-crypt` : 'this process is not root'}; User Mode Linux, Debian's kernel as a process, has it and needs no root`,
      };
    case 'none':
      return { mode: 'none', why: `Missing: ${support.missing.join(', ')}. ${support.remedy}` };
    default:
      return support satisfies never;
  }
}
