/** The program of each step; a step that has none does not compile. */
import type { StepName } from '../protocol';
import type { Scene } from '../scene';
import { clone, compare, expand, look, snapshot } from './disk';
import { deleteAll, stop, unstage } from './farewell';
import { create, publish, stage, start, write } from './first-use';
import { kill, recover, restage, rotate, search } from './rotation';

/** Does the step, gives what is worth telling about it; throws when it fails or a proof does not hold. */
type Step = (scene: Scene) => Promise<string>;

export const programs: Readonly<Record<StepName, Step>> = {
  start,
  create,
  stage,
  publish,
  write,
  look,
  expand,
  snapshot,
  clone,
  compare,
  kill,
  recover,
  rotate,
  restage,
  search,
  unstage,
  delete: deleteAll,
  stop,
};
