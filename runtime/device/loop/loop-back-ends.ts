/** The loop back end serves every request alike: it has one directory, and no credentials. */
import type { BackEnd } from '../back-end';
import type { BackEnds } from '../back-ends';

export function loopBackEnds(backEnd: BackEnd): BackEnds {
  return {
    reach: backEnd.reach,
    servesLists: true,
    forClass: async (otherParameters) => ({ backEnd, otherParameters }),
    forId: async () => backEnd,
    all: async () => [backEnd],
    requireReady: async () => void (await backEnd.capacity()),
    close: async () => undefined,
  };
}
