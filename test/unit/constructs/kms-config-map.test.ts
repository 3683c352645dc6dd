import { Testing } from 'cdk8s';
import { KmsConfigMap } from '../../../lib/cdk8s';
import { decodeKmsConfig, decodeKmsConfigMapData } from '../../../lib/schema/kms';
import { only, synthesised } from './synthesised';

const kms = {
  passphrase: { type: 'metadata' },
  vault: { type: 'vault', address: 'https://vault:8200', auth: { method: 'kubernetes', role: 'keyward' } },
} as const;

describe('KmsConfigMap', () => {
  test('R3: the file form reads back as the declared KMSs', () => {
    const chart = Testing.chart();
    const map = new KmsConfigMap(chart, 'kms', { kms });
    const manifest = only(synthesised(chart), 'ConfigMap', 'ceph-csi-encryption-kms-config');
    const data = manifest.data as Record<string, string>;
    expect(Object.keys(data)).toEqual(['config.json']);
    expect(decodeKmsConfig(data['config.json'] ?? '')).toEqual(new Map(Object.entries(map.kms)));
    expect(map.name).toBe('ceph-csi-encryption-kms-config');
    expect(synthesised(chart)).toMatchSnapshot();
  });

  test('R3: the form of connection details has one key for each id', () => {
    const chart = Testing.chart();
    const map = new KmsConfigMap(chart, 'kms', {
      kms,
      format: 'connection-details',
      metadata: { namespace: 'rook-ceph' },
    });
    const manifest = only(synthesised(chart), 'ConfigMap', 'csi-kms-connection-details');
    expect(manifest.metadata.namespace).toBe('rook-ceph');
    expect(decodeKmsConfigMapData(manifest.data as Record<string, string>)).toEqual(new Map(Object.entries(map.kms)));
    expect(synthesised(chart)).toMatchSnapshot();
  });

  test('stands for a ConfigMap that exists already', () => {
    expect(KmsConfigMap.fromKmsConfigMapName('mine', { a: { type: 'metadata' } })).toEqual({
      name: 'mine',
      format: 'file',
      kms: { a: { type: 'metadata' } },
    });
  });

  test('R18: rejects a misspelt setting in the compiler and at synth', () => {
    const chart = Testing.chart();
    const make = () =>
      new KmsConfigMap(chart, 'kms', {
        // @ts-expect-error secretname is not a setting
        kms: { passphrase: { type: 'metadata', secretname: 'x' } },
      });
    expect(make).toThrow(
      'secretname is not a known key (allowed: type, secretName, secretNamespace): write "secretName", or remove it',
    );
  });

  test('R18: rejects a type that keyward does not offer in the compiler and at synth', () => {
    const chart = Testing.chart();
    // @ts-expect-error one passphrase for all volumes has no settings
    const make = () => new KmsConfigMap(chart, 'kms', { kms: { k: { type: 'default' } } });
    expect(make).toThrow('"default" is known, but not supported');
  });
});
