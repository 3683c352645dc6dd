import { encryptionConfiguration, kmsConfig, kmsProvider } from '../../../../lib/rules/examples/parts';
import { kv, section, testTraps, transit } from '../trap-parts';

testTraps('KW14', [
  [
    'identity that goes',
    {
      objects: [encryptionConfiguration(kmsProvider)],
      previous: [encryptionConfiguration(kmsProvider, { identity: {} })],
    },
    'resources',
  ],
  [
    'a key that may be deleted',
    { objects: [], vault: transit({ deletionAllowed: true }) },
    'namespaces[""].mounts["transit"].keys["kms"].deletionAllowed',
  ],
  [
    'a raised version',
    { objects: [], vault: transit({ minDecryptionVersion: 3 }), previousVault: transit({ minDecryptionVersion: 2 }) },
    'namespaces[""].mounts["transit"].keys["kms"].minDecryptionVersion',
  ],
  [
    'one version of each key',
    { objects: [kmsConfig()], vault: kv({ maxVersions: 1 }) },
    'namespaces[""].mounts["storage"].maxVersions',
  ],
  [
    'keys that end by time',
    { objects: [kmsConfig()], vault: kv({ deleteVersionAfter: 3600 }) },
    'namespaces[""].mounts["storage"].deleteVersionAfter',
  ],
  [
    'a section that points elsewhere',
    { objects: [section({ vaultPassphrasePath: 'other/' })], previous: [kmsConfig()] },
    'data["config.json"].vault-eu.vaultPassphrasePath',
  ],
]);
