import { Testing } from 'cdk8s';
import {
  CsiAddonsConfig,
  type CsiAddonsConfigProps,
  KeyRotationCronJob,
  type KeyRotationCronJobProps,
  KeyRotationJob,
  keyRotationAnnotations,
  namespaceKeyRotationAnnotations,
} from '../../../../lib/cdk8s';
import { only, synthesised } from '../synthesised';

function cronJob(props: Partial<KeyRotationCronJobProps> = {}) {
  const chart = Testing.chart();
  new KeyRotationCronJob(chart, 'job', { claim: 'db-data', schedule: '@weekly', metadata: { name: 'db' }, ...props });
  return only(synthesised(chart), 'EncryptionKeyRotationCronJob');
}

describe('KeyRotationCronJob', () => {
  test('is ours, so that the controller neither edits nor deletes it', () => {
    const manifest = cronJob({
      backOffLimit: 3,
      retryDeadlineSeconds: 900,
      timeoutSeconds: 180,
      failedJobsHistoryLimit: 5,
    });
    expect(manifest).toMatchSnapshot();
    expect(manifest).toMatchObject({ metadata: { annotations: { 'csiaddons.openshift.io/state': 'unmanaged' } } });
  });

  test('takes one claim out of a schedule: unmanaged and suspended', () => {
    expect(cronJob({ suspend: true })).toMatchObject({
      metadata: { annotations: { 'csiaddons.openshift.io/state': 'unmanaged' } },
      spec: { suspend: true },
    });
  });

  test('R2: refuses Replace, with which the controller starts no rotation', () => {
    expect(() => cronJob({ concurrencyPolicy: 'Replace' })).toThrow('test/job.concurrencyPolicy: got Replace');
  });

  test('keeps the annotations that it is given', () => {
    expect(cronJob({ state: 'managed', metadata: { annotations: { a: 'b' } } }).metadata).toMatchObject({
      annotations: { a: 'b', 'csiaddons.openshift.io/state': 'managed' },
    });
  });

  test.each([
    'weekly',
    '@never',
    '',
    '* * * *',
    '60 * * * *',
    '* * 0 * *',
    '* * * * 7',
    '5-1 * * * *',
    '*/0 * * * *',
    'a b c d e',
  ])('refuses the schedule "%s", of which CSI-Addons would make @weekly', (schedule) => {
    expect(() => cronJob({ schedule })).toThrow('is not a schedule');
  });

  test.each(['@hourly', '@yearly', '30 2 * * 6', '*/15 0-6 1,15 1-12/3 *'])('takes the schedule "%s"', (schedule) => {
    expect(cronJob({ schedule })).toMatchObject({ spec: { schedule } });
  });

  test.each<[string, Partial<KeyRotationCronJobProps>]>([
    ['test/job.backOffLimit: got 61', { backOffLimit: 61 }],
    ['test/job.backOffLimit: got 0', { backOffLimit: 0 }],
    ['test/job.retryDeadlineSeconds: got 1801', { retryDeadlineSeconds: 1801 }],
    ['test/job.timeoutSeconds: got 59', { timeoutSeconds: 59 }],
    ['test/job.successfulJobsHistoryLimit: got -1', { successfulJobsHistoryLimit: -1 }],
    ['test/job.failedJobsHistoryLimit: got 1.5', { failedJobsHistoryLimit: 1.5 }],
  ])('R18: refuses a number that the CRD does not take: %s', (message, props) => {
    expect(() => cronJob(props)).toThrow(message);
  });
});

describe('KeyRotationJob', () => {
  test('rotates one claim once', () => {
    const chart = Testing.chart();
    new KeyRotationJob(chart, 'job', { claim: 'db-data', metadata: { name: 'db-now' } });
    expect(only(synthesised(chart), 'EncryptionKeyRotationJob')).toMatchSnapshot();
  });

  test('R18: refuses a number that the CRD does not take', () => {
    expect(() => new KeyRotationJob(Testing.chart(), 'job', { claim: 'c', backOffLimit: -1 })).toThrow('backOffLimit');
  });
});

describe('the annotations', () => {
  test('say a schedule, or that there is none', () => {
    expect(keyRotationAnnotations({ schedule: '@daily' })).toEqual({
      'keyrotation.csiaddons.openshift.io/schedule': '@daily',
    });
    expect(keyRotationAnnotations({ enabled: false })).toEqual({
      'keyrotation.csiaddons.openshift.io/enable': 'false',
    });
    expect(keyRotationAnnotations({ enabled: true })).toEqual({});
  });

  test('name the drivers to wait for on a namespace', () => {
    expect(namespaceKeyRotationAnnotations({ schedule: '@daily', drivers: ['a.b', 'c.d'] })).toMatchObject({
      'keyrotation.csiaddons.openshift.io/drivers': 'a.b,c.d',
    });
  });

  test('refuse a schedule that cannot be read', () => {
    expect(() => keyRotationAnnotations({ schedule: '' })).toThrow('is not a schedule');
  });
});

describe('CsiAddonsConfig', () => {
  const config = (props: CsiAddonsConfigProps) => {
    const chart = Testing.chart();
    new CsiAddonsConfig(chart, 'config', props);
    return only(synthesised(chart), 'ConfigMap', 'csi-addons-config');
  };

  test('says whose schedule wins, always', () => {
    expect(config({ schedulePrecedence: 'storageclass', maxConcurrentReconciles: 50 })).toMatchSnapshot();
    expect(config({ schedulePrecedence: 'pvc', cronJobStaggerWindowHours: 0 }).data).toEqual({
      'schedule-precedence': 'pvc',
      'cronjob-stagger-window': '0',
    });
  });

  test('refuses what would keep the operator from starting', () => {
    expect(() => config({ schedulePrecedence: 'pvc', maxConcurrentReconciles: 0 })).toThrow('maxConcurrentReconciles');
  });
});
