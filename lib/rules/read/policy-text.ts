// Policies of Vault as text, back to rules, for states that are read from where they are declared. Only what the rules look at
// is read: paths and capabilities. A text that is not understood to its end gives nothing, so that no rule judges half of it.
import { isFields, jsonOf, listOf, wordsOf } from './values';

/** A rule of a policy. */
interface TextRule {
  readonly path: string;
  readonly capabilities: readonly string[];
}

/** The rules of a policy in HCL or JSON; undefined when it cannot be read. */
export function policyRulesOf(text: string): readonly TextRule[] | undefined {
  const rules = text.trimStart().startsWith('{') ? rulesOfJson(jsonOf(text)) : rulesOfHcl(text);
  return rules === undefined || rules.length === 0 ? undefined : rules;
}

function rulesOfJson(document: unknown): readonly TextRule[] | undefined {
  const paths = isFields(document) && Object.keys(document).length === 1 ? document.path : undefined;
  if (!isFields(paths)) return undefined;
  const rules = Object.entries(paths).map(([path, body]) => ({
    path,
    capabilities: wordsOf(isFields(body) ? body.capabilities : undefined),
  }));
  return rules.every(({ capabilities }) => capabilities.length > 0) ? rules : undefined;
}

/** Strings, comments, and single signs: enough of HCL for policies. */
const tokens = /\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|[\w.-]+|[{}[\],=]/y;

function rulesOfHcl(text: string): readonly TextRule[] | undefined {
  const words = wordsOfHcl(text);
  if (words === undefined) return undefined;
  const rules: TextRule[] = [];
  for (let at = 0; at < words.length; ) {
    const path = words[at] === 'path' || words[at] === '"path"' ? stringOf(words[at + 1]) : undefined;
    const end = path === undefined || words[at + 2] !== '{' ? -1 : closingOf(words, at + 2);
    if (path === undefined || end < 0) return undefined;
    const capabilities = capabilitiesOf(words.slice(at + 3, end));
    if (capabilities === undefined) return undefined;
    rules.push({ path, capabilities });
    at = end + 1;
  }
  return rules;
}

function wordsOfHcl(text: string): readonly string[] | undefined {
  const words: string[] = [];
  tokens.lastIndex = 0;
  while (tokens.lastIndex < text.length) {
    const word = tokens.exec(text)?.[0];
    if (word === undefined) {
      tokens.lastIndex = 0;
      return undefined;
    }
    if (!/^(\s|#|\/\/|\/\*)/.test(word)) words.push(word);
  }
  return words;
}

/** Position of the bracket that closes the one at `start`; -1 where there is none. */
function closingOf(words: readonly string[], start: number): number {
  let depth = 0;
  for (let at = start; at < words.length; at += 1) {
    if (words[at] === '{') depth += 1;
    if (words[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

function capabilitiesOf(body: readonly string[]): readonly string[] | undefined {
  const start = body.findIndex((word) => word === 'capabilities' || word === '"capabilities"');
  if (start < 0 || body[start + 1] !== '=' || body[start + 2] !== '[') return undefined;
  const end = body.indexOf(']', start);
  const found = body.slice(start + 3, end < 0 ? start : end).filter((word) => word !== ',');
  const capabilities = found.map(stringOf);
  return capabilities.length > 0 && capabilities.every((each) => each !== undefined) ? capabilities : undefined;
}

function stringOf(word: string | undefined): string | undefined {
  const parsed = word?.startsWith('"') ? listOf(jsonOf(`[${word}]`))[0] : undefined;
  return typeof parsed === 'string' ? parsed : undefined;
}
