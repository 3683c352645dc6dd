import { status } from '@grpc/grpc-js';
import { type Code, codes } from '../../../runtime/errors';
import { statusOfCode } from '../../../runtime/grpc/status';
import { read, tableRows } from './markdown';

const rows = tableRows(read('docs/errors.md'), 'code');

// That the page has every code once, and no other, is tested in test/unit/errors.
test.each(rows.map((row) => [row[0] ?? '', row] as const))(
  '%s has the status and the answer to "repeat?" of the tables',
  (code, row) => {
    expect(row).toHaveLength(5);
    const [, statusName, repeat, meaning, action] = row;
    expect(statusName).toBe(status[statusOfCode[code as Code]]);
    expect(repeat).toBe(codes[code as Code].retryable ? 'yes' : 'no');
    expect(meaning).not.toBe('');
    expect(action).not.toBe('');
  },
);
