import { declarePlain, declareWithConstructs, tenantNames } from '../../../bench/synth-sides';

describe('the benchmark of the constructs', () => {
  test.each([1, 2, 30])(
    'both sides write the same bytes for %d tenants, so that it compares like with like',
    (count) => {
      const yaml = declareWithConstructs(tenantNames(count)).synthYaml();
      expect(declarePlain(tenantNames(count)).synthYaml()).toBe(yaml);
      expect(yaml.match(/^kind: Role$/gm)).toHaveLength(count + 2);
    },
  );
});
