// How an object says that a rule does not hold for it, and why.
import { annotationOf, type KubernetesObject } from './read/kubernetes-object';

/** Annotation with the ids of rules that do not hold for the object, separated by commas. */
export const ignoreRulesAnnotation = 'keyward.io/ignore-rules';
/** Annotation with the reason. Without one the first annotation has no effect. */
export const ignoreReasonAnnotation = 'keyward.io/ignore-reason';

/** Whether the object takes itself out of a rule, with a reason. */
export function isIgnored(object: KubernetesObject, rule: string): boolean {
  if (object.inside !== undefined && isIgnored(object.inside.holder, rule)) return true;
  const ids = annotationOf(object, ignoreRulesAnnotation);
  if (ids === undefined || !ids.split(',').some((id) => id.trim() === rule)) return false;
  return (annotationOf(object, ignoreReasonAnnotation)?.trim() ?? '') !== '';
}
