// Which resources an API server will encrypt, by the rules of its own validation (k8s.io/apiserver, pkg/apis/apiserver).

/** What is wrong with one name, or with the whole list. */
export interface ResourceFault {
  readonly message: string;
  readonly remedy: string;
}

/** Kinds of the core that are stored and have no API of their own. */
const withoutApi = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];

/** The fault of one name: `secrets`, `ingresses.networking.k8s.io`, `*.apps`, `*.` or `*.*`. */
export function resourceFault(name: string): ResourceFault | undefined {
  const { resource, group } = groupResource(name);
  if (name === '') return { message: 'is empty', remedy: 'name a resource, e.g. secrets' };
  if (name !== name.toLowerCase()) return { message: 'has capital letters', remedy: 'write it in lower case' };
  if (name === '*') return { message: 'is not a wildcard', remedy: 'write "*." for the core group or "*.*" for all' };
  if (withoutApi.includes(name)) return { message: 'has no API and cannot be encrypted', remedy: 'leave it out' };
  if (group === 'events.k8s.io') return { message: 'is stored in the core group', remedy: 'write "events"' };
  if (group === 'extensions') return { message: 'is in a group that was removed', remedy: 'name its present group' };
  if (group === '*' && resource !== '*') {
    return { message: 'names a resource in all groups', remedy: 'name the group, or write "*.*"' };
  }
  return undefined;
}

/** Faults that need the whole configuration: what is named twice, and what an earlier wildcard hides. */
export function overlapFault(lists: readonly (readonly string[])[]): ResourceFault | undefined {
  const earlier = new Set<string>();
  for (const list of lists) {
    if (new Set(list).size < list.length) return { message: 'names a resource twice', remedy: 'name it once' };
    const hidden =
      list.find((name) => list.length > 1 && overlaps(name, list)) ?? list.find((it) => masked(it, earlier));
    if (hidden !== undefined) {
      return { message: `has "${hidden}" beside a wildcard that covers it`, remedy: 'keep the wildcard or the names' };
    }
    for (const name of list) earlier.add(key(groupResource(name)));
  }
  return undefined;
}

/** Whether one name of a configuration means the other one as well. */
export function covers(name: string, other: string): boolean {
  return name === other || name === '*.*' || key(groupResource(name)) === `*.${groupResource(other).group}`;
}

function overlaps(name: string, list: readonly string[]): boolean {
  if (list.includes('*.*')) return true;
  const { resource, group } = groupResource(name);
  return resource !== '*' && list.some((other) => other !== name && key(groupResource(other)) === `*.${group}`);
}

function masked(name: string, earlier: ReadonlySet<string>): boolean {
  return earlier.has(`*.${groupResource(name).group}`) || earlier.has('*.*');
}

function groupResource(name: string): { readonly resource: string; readonly group: string } {
  const dot = name.indexOf('.');
  return dot < 0 ? { resource: name, group: '' } : { resource: name.slice(0, dot), group: name.slice(dot + 1) };
}

function key({ resource, group }: { readonly resource: string; readonly group: string }): string {
  return `${resource}.${group}`;
}
