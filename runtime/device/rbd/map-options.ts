/** Options of mapping as ceph-csi's classes write them: `krbd:a,b;nbd:c`; what has no prefix is for krbd. */
import { CodedError } from '../../errors';

export interface MapOptions {
  readonly krbd: readonly string[];
  readonly nbd: readonly string[];
}

/** @throws CodedError REQUEST_INVALID. */
export function parseMapOptions(text = ''): MapOptions {
  const options = { krbd: [] as string[], nbd: [] as string[] };
  for (const part of text.split(';').filter((each) => each.trim() !== '')) {
    const [, prefix = 'krbd', list = ''] = /^\s*(?:([a-z]+):)?(.*)$/s.exec(part) ?? [];
    if (prefix !== 'krbd' && prefix !== 'nbd') throw unknown(text, `there is no mounter ${prefix}`);
    for (const option of list.split(',').map((each) => each.trim())) {
      if (!optionPattern.test(option)) throw unknown(text, `${JSON.stringify(option)} is no option`);
      options[prefix].push(option);
    }
  }
  return options;
}

/** The key goes in by standard input: no option may name another, nor a file. */
const optionPattern = /^(?!(?:key|secret|keyfile|keyring|name)(?:=|$))[A-Za-z0-9_-]+(?:=[A-Za-z0-9_.:/|-]*)?$/;

function unknown(text: string, why: string): CodedError {
  return new CodedError('REQUEST_INVALID', `map or unmap options ${JSON.stringify(text.slice(0, 100))}: ${why}`, {
    remedy: 'Write them as krbd:a,b;nbd:c.',
  });
}
