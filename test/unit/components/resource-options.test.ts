import { core, Provider } from '@pulumi/kubernetes';
import { EncryptedStorage, type EncryptedStorageArgs } from '../../../lib/pulumi';
import { kubernetesObjects, onlyOf, recorded } from './recorded';

const args: EncryptedStorageArgs<'passphrase'> = {
  namespace: 'keyward-system',
  driver: { type: 'keyward', backend: { type: 'loop' }, snapshots: true },
  kms: { passphrase: { type: 'metadata' } },
  classes: [{ name: 'encrypted', kms: 'passphrase', secrets: { name: 'phrase' } }],
};

describe('the options of EncryptedStorage', () => {
  test('protect and dependsOn reach every object', async () => {
    const recording = await recorded(() => {
      const namespace = new core.v1.Namespace('system', { metadata: { name: 'keyward-system' } });
      new EncryptedStorage('storage', args, { protect: true, dependsOn: namespace });
    });
    const children = kubernetesObjects(recording).filter(({ name }) => name !== 'system');
    expect(children.every(({ protect }) => protect)).toBe(true);
    const urn = 'urn:pulumi:test::keyward::kubernetes:core/v1:Namespace::system';
    expect(children.every(({ dependencies }) => dependencies.includes(urn))).toBe(true);
  });

  test('a provider reaches every object', async () => {
    const recording = await recorded(() => {
      const provider = new Provider('other-cluster', { context: 'other' });
      new EncryptedStorage('storage', args, { provider });
    });
    expect(kubernetesObjects(recording).every(({ provider }) => provider.includes('::other-cluster::'))).toBe(true);
  });

  test('without one, the objects ask for the provider of the installed @pulumi/kubernetes', async () => {
    const recording = await recorded(() => new EncryptedStorage('storage', args));
    const { version } = require('@pulumi/kubernetes/package.json') as { version: string };
    expect(new Set(kubernetesObjects(recording).map((it) => it.version))).toEqual(new Set([version]));
  });

  test('an alias goes to the engine, which renames the objects too, since their names begin with that of the component', async () => {
    const recording = await recorded(() => new EncryptedStorage('storage', args, { aliases: [{ name: 'disks' }] }));
    expect(onlyOf(recording, 'keyward:index:EncryptedStorage').aliases).toEqual(['disks']);
    expect(kubernetesObjects(recording).every(({ name }) => name.startsWith('storage/'))).toBe(true);
  });

  test('what uses the name of a class waits for the class', async () => {
    const recording = await recorded(() => {
      const { storageClassNames } = new EncryptedStorage('storage', args);
      const storageClassName = storageClassNames.apply(([first = '']) => first);
      new core.v1.PersistentVolumeClaim('claim', { spec: { storageClassName } });
    });
    const claim = onlyOf(recording, 'kubernetes:core/v1:PersistentVolumeClaim');
    expect(claim.inputs.spec).toEqual({ storageClassName: 'encrypted' });
    expect(claim.dependencies.map((urn) => urn.split('::').at(-1))).toEqual(['storage/StorageClass/encrypted']);
  });
});
