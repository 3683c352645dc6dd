import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../../runtime/secret';
import { findIn, findInFiles, findInProcess, needlesOf } from '../../harness/secret-scan';

const text = 'x9-canary_KEY+of/some=length';
const needles = needlesOf('key', Secret.fromText(text));

test.each([
  ['as it is', `passphrase=${text}\n`],
  ['in hexadecimal', Buffer.from(text).toString('hex')],
  ['in upper-case hexadecimal', Buffer.from(text).toString('hex').toUpperCase()],
  ['in base64', Buffer.from(text).toString('base64')],
  ['in base64 of a longer text', Buffer.from(`{"p":"${text}"}`).toString('base64')],
  ['in base64 of a longer text, at another place', Buffer.from(`{"pp":"${text}"}`).toString('base64')],
  ['in base64 of a longer text, at a third place', Buffer.from(`{"ppp":"${text}"}`).toString('base64')],
])('a secret is found %s', (_, haystack) => {
  expect(findIn(haystack, needles)).not.toEqual([]);
});

test('another one is not', () => {
  const other = text.replace('x9', 'x8');
  expect(
    findIn(`${other} ${Buffer.from(other).toString('hex')} ${Buffer.from(other).toString('base64')}`, needles),
  ).toEqual([]);
});

test('a secret is found in a file, also across the border of two reads, and in an environment', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-scan-'));
  writeFileSync(
    join(folder, 'image'),
    Buffer.concat([Buffer.alloc(2 ** 20 - 5), Buffer.from(text), Buffer.alloc(2 ** 20)]),
  );
  writeFileSync(join(folder, 'other'), 'nothing');
  expect(findInFiles(folder, needles)).toEqual([`${join(folder, 'image')}: key as it is`]);
  expect(findInProcess(process.pid, needlesOf('path', Secret.fromText(process.env.PATH ?? '')))).toEqual([
    `environ of ${process.pid}: path as it is`,
  ]);
  rmSync(folder, { recursive: true });
});
