// Who may import whom (docs/design.md, Layout). `npm run check:imports` fails on anything else.
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { pathNot: [from, ...allowed] },
});
const never = (name, from, to, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: to },
});

const npm = (...names) => names.map((name) => `^node_modules/${name}`);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true }, comment: 'a circle has no first room' },
    {
      name: 'not-resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
      comment: 'an import that does not resolve',
    },
    only('schema-is-pure', '^lib/schema/', npm('zod'), 'lib/schema imports only the schema library'),
    only('vault-is-pure', '^lib/vault/', ['^lib/schema/', ...npm('zod')], 'the state of a Vault is data: schema alone'),
    only(
      'rules-are-pure',
      '^lib/rules/',
      ['^lib/(schema|vault)/', ...npm('zod')],
      'rules look at plain data: schema and vault',
    ),
    only(
      'constructs',
      '^lib/constructs/',
      ['^lib/(schema|vault|rules)/', '^(path|crypto|net)$', ...npm('cdk8s', 'cdk8s-plus-27', 'constructs')],
      'constructs: schema, vault, rules and cdk8s',
    ),
    only(
      'components',
      '^lib/components/',
      ['^lib/(schema|vault|rules|constructs|cdk8s)', '^(path|crypto)$', ...npm('@pulumi', 'cdk8s', 'constructs')],
      'components: all of lib, Pulumi and cdk8s',
    ),
    never(
      'runtime-without-declarations',
      '^runtime/',
      '^(lib/(constructs|components)/|node_modules/(cdk8s|constructs|@pulumi))',
      'the runtime never loads cdk8s or Pulumi',
    ),
    never(
      'lib-without-runtime',
      '^lib/',
      '^(runtime|tools|test|demo|bench)/',
      'importing lib pulls in nothing of the runtime',
    ),
    never('stacks-use-lib', '^stacks/', '^(runtime|tools|test|demo|bench)/', 'stacks hold values only'),
    never(
      'kms-and-luks-meet-in-volume',
      '^runtime/kms/',
      '^runtime/(luks|device|mount|volume|csi|csi-addons)/',
      'kms knows nothing of volumes',
    ),
    never(
      'luks-without-kms',
      '^runtime/luks/',
      '^runtime/(kms|vault|volume|csi|csi-addons)/',
      'luks knows nothing of keys’ origins',
    ),
    never(
      'leaves-below-volume',
      '^runtime/(device|mount)/',
      '^runtime/(kms|vault|volume|csi|csi-addons)/',
      'leaves know nothing of the layers above',
    ),
    never(
      'volume-below-csi',
      '^runtime/volume/',
      '^runtime/(csi|csi-addons|cli|driver|grpc)/',
      'volume/ knows nothing of gRPC',
    ),
    {
      name: 'one-process-runner',
      comment: 'keys would leak by argv or environment: runtime/process/ alone starts processes',
      severity: 'error',
      from: { path: '^runtime/', pathNot: '^runtime/process/launch\\.ts$' },
      to: { path: '^(node:)?child_process$' },
    },
    never(
      'csi-touches-no-file',
      '^runtime/(csi|csi-addons)/',
      '^(node:)?(fs|fs/promises|child_process)$',
      'csi/ translates and nothing else',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'default', 'types'],
    },
  },
};
