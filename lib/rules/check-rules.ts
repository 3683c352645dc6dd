// Runs the rules over a set of objects. Every way of running them ends here.

import { isIgnored } from './ignore';
import { Cluster } from './read/cluster';
import type { Fault, Finding, Rule, RuleInput } from './rule';
import { rules as allRules } from './rules';

/** Which rules run. */
export interface RuleSelection {
  /**
   * Ids of the only rules that run.
   * @default - all
   */
  readonly only?: readonly string[];
  /**
   * Ids of rules that do not run.
   * @default - none
   */
  readonly skip?: readonly string[];
}

/**
 * Everything that is wrong, by rule and then in the order of the objects. Pure: the same input gives the same findings. Does
 * not throw on any input. An id that is no rule selects nothing.
 */
export function checkRules(input: RuleInput, selection: RuleSelection = {}): readonly Finding[] {
  const cluster = new Cluster(input);
  return selectedRules(selection).flatMap((rule) => findingsOf(rule, cluster));
}

/** The rules of a selection, in the order of their ids. */
export function selectedRules({ only, skip = [] }: RuleSelection): readonly Rule[] {
  return allRules.filter(({ id }) => (only === undefined || only.includes(id)) && !skip.includes(id));
}

/** Whether anything of it fails a synth, a preview or a lint. */
export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

function findingsOf(rule: Rule, cluster: Cluster): Finding[] {
  const findings: Finding[] = [];
  const told = new Set<string>();
  for (const fault of rule.check(cluster)) {
    if (fault.object !== 'VaultState' && isIgnored(fault.object, rule.id)) continue;
    const finding = findingOf(rule, fault, cluster);
    const key = `${finding.object}\0${finding.path}\0${finding.message}`;
    // One role that two KMSs use is wrong once.
    if (!told.has(key)) findings.push(finding);
    told.add(key);
  }
  return findings.sort(
    (left, right) => (left.index ?? Number.MAX_SAFE_INTEGER) - (right.index ?? Number.MAX_SAFE_INTEGER),
  );
}

function findingOf({ id, severity, remedy }: Rule, fault: Fault, { objects }: Cluster): Finding {
  const { object, message, got, allowed } = fault;
  const inside = object === 'VaultState' ? undefined : object.inside;
  const path = inside === undefined ? fault.path : [inside.path, fault.path].filter(Boolean).join('.');
  return {
    rule: id,
    severity: fault.severity ?? severity,
    object: object === 'VaultState' ? object : (inside?.holder.label ?? object.label),
    ...(object !== 'VaultState' && objects.has(object) && { index: object.index }),
    path,
    message,
    ...(got !== undefined && { got }),
    ...(allowed !== undefined && { allowed }),
    remedy: fault.remedy ?? remedy,
  };
}
