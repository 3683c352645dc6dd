// One jest project a tier. `kernel` needs dm-crypt: its runner takes the files into a User Mode Linux guest where the host has none.
const base = {
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true } } }],
  },
  setupFilesAfterEnv: ['<rootDir>/test/harness/matchers.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist'],
};
const tier = (name, extra = {}) => ({
  ...base,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  ...extra,
});

module.exports = {
  projects: [
    tier('unit'),
    tier('conformance'),
    tier('integration'),
    tier('kernel', { runner: '<rootDir>/test/harness/guest/jest-runner.js' }),
    tier('system'),
    tier('e2e'),
  ],
};
