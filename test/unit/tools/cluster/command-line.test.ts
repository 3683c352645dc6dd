import { readCommandLine } from '../../../../tools/cluster/command-line';

describe('readCommandLine', () => {
  test('starts one node of 2 GiB unless told otherwise', () => {
    expect(readCommandLine(['up'])).toMatchObject({ command: 'up', nodes: 1, memoryMiB: 2048, json: false });
  });

  test('takes folder, nodes and memory', () => {
    const args = readCommandLine(['up', '--folder', '/tmp/x', '--nodes', '2', '--memory', '1024', '--output', 'json']);
    expect(args).toMatchObject({ folder: '/tmp/x', nodes: 2, memoryMiB: 1024, json: true });
  });

  test('leaves the options of a command of the node alone', () => {
    const args = readCommandLine(['exec', '--node', 'node-2', '--', 'ls', '-l', '--help']);
    expect(args).toMatchObject({ command: 'exec', node: 'node-2', operands: ['ls', '-l', '--help'] });
  });

  test('wants no command for help', () => {
    expect(readCommandLine(['--help']).command).toBeUndefined();
  });

  test.each([
    ['no command', []],
    ['an unknown command', ['start']],
    ['an operand too many', ['up', 'now']],
    ['an import of nothing', ['import']],
    ['an exec of nothing', ['exec']],
    ['a negative number of nodes', ['up', '--nodes', '-1']],
    ['more nodes than it has addresses for', ['up', '--nodes', '5']],
    ['a node that could not run a kubelet', ['up', '--memory', '512']],
    ['an unknown format', ['status', '--output', 'yaml']],
    ['an unknown option', ['up', '--ceph-version', '16']],
  ])('rejects %s', (_, argv) => {
    // By its name: that of parseArgs is of Node's realm, not of Jest's.
    expect(() => readCommandLine(argv)).toThrow(expect.objectContaining({ name: 'TypeError' }));
  });
});
