import { execFileSync } from 'node:child_process';
import { shellEnvironment } from '../../../../tools/cluster/shell-environment';

const box = {
  kubeconfig: '/box/kubeconfig',
  caFile: "/it's/ca.crt",
  openBao: { address: 'https://127.0.0.1:2', addressInside: 'https://10.99.0.1:8200' },
};

/** What a shell has when it has evaluated the text. */
function evaluated(text: string, variable: string): string {
  const env = { PATH: '/usr/bin:/bin' };
  return execFileSync('sh', ['-c', `eval "$1"; printenv ${variable}`, 'sh', text], { env, encoding: 'utf8' });
}

test('tells a shell where the servers are, whatever the folder is called', () => {
  const { text, variables } = shellEnvironment(box);
  expect(variables).toEqual({
    KUBECONFIG: box.kubeconfig,
    VAULT_ADDR: box.openBao.address,
    VAULT_CACERT: box.caFile,
  });
  for (const [name, value] of Object.entries(variables)) expect(evaluated(text, name)).toBe(`${value}\n`);
  expect(evaluated(text, 'PATH')).toBe('/usr/bin:/bin\n');
});

test('puts the folder of a command before all others, where there is one', () => {
  expect(evaluated(shellEnvironment(box, '/tools/kubectl').text, 'PATH')).toBe('/tools/kubectl:/usr/bin:/bin\n');
});
