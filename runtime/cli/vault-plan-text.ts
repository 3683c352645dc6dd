/** A plan for people: one paragraph for each change, in the manner of a diff. */
import type { Action, Change } from '../vault/reconcile/change';
import type { FieldChange, FieldValue } from '../vault/reconcile/field';
import { addressOf } from '../vault/reconcile/object-id';
import type { Plan } from '../vault/reconcile/plan';
import type { Colors } from './colors';

/** Functions that colour a text, or leave it. */

const signs: Readonly<Record<Action, string>> = { create: '+', update: '~', adopt: '>', remove: '-' };
const words: Readonly<Record<Action, string>> = {
  create: 'is made',
  update: 'is changed',
  adopt: 'is taken over',
  remove: 'is removed',
};
const tasks: Readonly<Record<Action, string>> = {
  create: 'to make',
  update: 'to change',
  adopt: 'to take over',
  remove: 'to remove',
};

export function planText(plan: Plan, colors: Colors): string {
  return [
    ...plan.changes.map((change) => changeText(change, colors)),
    ...plan.problems.map(
      ({ code, address, message, remedy }) =>
        `${colors.red('!')} ${colors.bold(address)} ${message}\n    ${colors.red(code)}: ${remedy}\n`,
    ),
    ...plan.shared.map((address) => `${colors.dim(`= ${address} is as wanted, is not ours and stays so`)}\n`),
    summary(plan, colors),
  ].join('');
}

/** The line of one change, as progress shows it. */
export function changeLine({ action, id }: Change, colors: Colors): string {
  return `${colorOf(action, colors)(signs[action])} ${colors.bold(addressOf(id))} ${words[action]}`;
}

function changeText(change: Change, colors: Colors): string {
  const fields = change.fields.map((field) => fieldText(change, field, colors));
  return `${changeLine(change, colors)}\n${fields.join('')}`;
}

function fieldText({ action }: Change, { name, before, after }: FieldChange, colors: Colors): string {
  if (name === 'policy') return textDiff(String(before ?? ''), String(after), colors);
  const old = action === 'create' || before === undefined ? '' : `${colors.red(show(before))} -> `;
  return `    ${name} = ${old}${colors.green(show(after))}\n`;
}

/** Lines that go and lines that come, between those that both begin and end with. */
function textDiff(before: string, after: string, colors: Colors): string {
  const [old, next] = [before, after].map((text) => (text === '' ? [] : text.trimEnd().split('\n'))) as [
    string[],
    string[],
  ];
  const length = Math.min(old.length, next.length);
  let head = 0;
  while (head < length && old[head] === next[head]) head += 1;
  let tail = 0;
  while (tail < length - head && old[old.length - 1 - tail] === next[next.length - 1 - tail]) tail += 1;
  const line = (sign: string, text: string) => `    ${sign} ${text}\n`;
  return [
    ...old.slice(head, old.length - tail).map((text) => colors.red(line('-', text))),
    ...next.slice(head, next.length - tail).map((text) => colors.green(line('+', text))),
  ].join('');
}

function show(value: FieldValue): string {
  const text = typeof value === 'string' && value.includes('\n') ? `${value.split('\n')[0]} ...` : value;
  return JSON.stringify(text);
}

function summary({ changes, problems, unchanged, owner }: Plan, colors: Colors): string {
  const count = (action: Action) => changes.filter((change) => change.action === action).length;
  const parts = (Object.keys(tasks) as Action[]).flatMap((action) =>
    count(action) === 0 ? [] : `${count(action)} ${tasks[action]}`,
  );
  const said = parts.length === 0 ? 'no change' : parts.join(', ');
  const stop = problems.length === 0 ? '' : colors.red(`, ${problems.length} in the way: nothing can be applied`);
  return `${colors.bold(`${owner}:`)} ${said}, ${unchanged} as wanted${stop}\n`;
}

function colorOf(action: Action, colors: Colors): (text: string) => string {
  return { create: colors.green, update: colors.yellow, adopt: colors.cyan, remove: colors.red }[action];
}
