import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { addRotationFlags, type RotationFlags, rotationOptions } from '../../../runtime/cli/rotation-flags';
import { startDriver } from '../../../runtime/driver/driver';

/** What the flags become. @throws CommanderError for a wrong command line */
function optionsOf(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = addRotationFlags(new Command('csi').option('--namespace <name>')).exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  command.parse(['node', 'keyward', ...args]);
  return rotationOptions(command.opts<RotationFlags & { namespace?: string }>(), env);
}

const inPod = { KUBERNETES_SERVICE_HOST: '10.0.0.1', POD_NAMESPACE: 'keyward-system' };

test('without --rotation there is no schedule, and no need of a cluster', async () => {
  expect(await optionsOf([])).toBeUndefined();
});

test('in a pod --rotation needs nothing else', async () => {
  expect(await optionsOf(['--rotation'], inPod)).toEqual({
    precedence: 'pvc',
    perMinute: 10,
    parallel: 2,
    staggerMs: 7_200_000,
    intervalMs: 300_000,
    leaseMs: 60_000,
    verifySchedule: expect.objectContaining({ text: '@weekly' }),
    namespace: 'keyward-system',
    access: {
      address: 'https://10.0.0.1',
      caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    },
  });
});

test('keys need not be proven', async () => {
  expect((await optionsOf(['--rotation', '--verify-schedule', 'off'], inPod))?.verifySchedule).toBeUndefined();
});

test.each([
  ['--verify-schedule', 'sometimes'],
  ['--verify-schedule', ''],
  ['--rotation-precedence', 'namespace'],
  ['--rotation-rate', '0'],
  ['--rotation-parallel', '0'],
  ['--rotation-interval', '0'],
  ['--rotation-lease-seconds', '2'],
])('refuses %s %j', (flag, value) => {
  expect(() => optionsOf(['--rotation', flag, value], inPod)).toThrow(expect.objectContaining({ exitCode: 1 }));
});

test('refuses to run outside of a pod without the flags that say where the API is', async () => {
  await expect(optionsOf(['--rotation', '--namespace', 'x'])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a driver without the node service refuses to rotate on a schedule, and leaves no socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kw-flags-'));
  const backend = { type: 'loop', directory: join(folder, 'backing'), capacityBytes: 2 ** 30 };
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ driverName: 'csi.keyward.io', backend }));
  writeFileSync(join(folder, 'kms.json'), '{}');
  const rotation = await optionsOf(['--rotation'], inPod);
  if (!rotation) throw new Error('no options');
  const options = {
    ...{
      version: '0',
      endpoint: `unix://${join(folder, 'csi.sock')}`,
      controller: true,
      node: false,
      nodeId: 'node-1',
    },
    ...{ configFile: join(folder, 'config.json'), kmsConfigFile: join(folder, 'kms.json'), healthPort: 0, rotation },
    ...{ secretsDirectory: join(folder, 'secrets'), stateDirectory: join(folder, 'state'), onFatal: () => undefined },
  };
  await expect(startDriver(options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(existsSync(join(folder, 'csi.sock'))).toBe(false);
  rmSync(folder, { recursive: true });
});
