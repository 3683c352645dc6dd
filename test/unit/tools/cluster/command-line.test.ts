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

  test('starts a Ceph only when told to, and leaves the options of its commands alone', () => {
    expect(readCommandLine(['up']).ceph).toBe(false);
    expect(readCommandLine(['up', '--ceph']).ceph).toBe(true);
    const args = readCommandLine(['ceph', '--', 'rbd', 'ls', '--long', 'kube']);
    expect(args).toMatchObject({ command: 'ceph', operands: ['rbd', 'ls', '--long', 'kube'] });
  });

  test('takes the folder of the variable KEYWARD_CLUSTER, where the command line names none', () => {
    const variables = { KEYWARD_CLUSTER: '/tmp/mine' };
    expect(readCommandLine(['down'], variables).folder).toBe('/tmp/mine');
    expect(readCommandLine(['down', '--folder', '/tmp/x'], variables).folder).toBe('/tmp/x');
    expect(readCommandLine(['down'], { KEYWARD_CLUSTER: '' }).folder).toBe(readCommandLine(['down'], {}).folder);
  });

  test('imports what is named, or the images of the driver', () => {
    expect(readCommandLine(['import', 'a.tar', 'b.tar']).operands).toEqual(['a.tar', 'b.tar']);
    expect(readCommandLine(['import'])).toMatchObject({ command: 'import', operands: [] });
  });

  test('ends and starts again several programs', () => {
    expect(readCommandLine(['halt', 'etcd', 'openbao'])).toMatchObject({
      command: 'halt',
      operands: ['etcd', 'openbao'],
    });
  });

  test('leaves the options of a command of OpenBao alone', () => {
    const args = readCommandLine(['bao', '--', 'kv', 'list', '-mount=tenants', 'billing']);
    expect(args).toMatchObject({ command: 'bao', operands: ['kv', 'list', '-mount=tenants', 'billing'] });
  });

  test('wants no command for help', () => {
    expect(readCommandLine(['--help']).command).toBeUndefined();
  });

  test.each([
    ['no command', []],
    ['an unknown command', ['start']],
    ['an operand too many', ['up', 'now']],
    ['an operand for env', ['env', 'KUBECONFIG']],
    ['a halt of nothing', ['halt']],
    ['a resume of nothing', ['resume']],
    ['nothing for OpenBao to do', ['bao']],
    ['an exec of nothing', ['exec']],
    ['a command of Ceph that is none', ['ceph']],
    ['an operand of a key', ['ceph-key', 'admin']],
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
