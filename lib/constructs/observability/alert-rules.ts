// A PrometheusRule with the alerts of the driver, of the rotation of its keys, and of the KMS plugin.
import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import type { EncryptedStorageClass } from '../encrypted-storage-class';
import { propError } from '../prop-error';
import { type Alert, driverAlerts, keyAgeAlert, kmsPluginAlerts, rotationAlerts } from './alerts';

const alertGroups = { driver: driverAlerts, rotation: rotationAlerts, 'kms-plugin': kmsPluginAlerts } as const;

type AlertGroup = keyof typeof alertGroups;

/** Props of a `KeywardAlertRules`. */
export interface KeywardAlertRulesProps {
  /**
   * What is watched.
   * @default - driver, rotation and kms-plugin
   */
  readonly groups?: readonly AlertGroup[];
  /**
   * Classes whose `maximumKeyAgeDays` is watched, in the group `rotation`.
   * @default - none
   */
  readonly classes?: readonly Pick<EncryptedStorageClass<string>, 'name' | 'maximumKeyAgeDays'>[];
  /**
   * Metadata; its labels must be those that the Prometheus selects.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** Alert rules of the Prometheus operator. */
export class KeywardAlertRules extends Construct {
  /** Name of the PrometheusRule. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: KeywardAlertRulesProps = {}) {
    super(scope, id);
    const groups = props.groups ?? (Object.keys(alertGroups) as AlertGroup[]);
    refuseGroups(groups, this.node.path);
    this.name = new ApiObject(this, 'Resource', {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { ...props.metadata },
      spec: { groups: groups.map((group) => ({ name: `keyward-${group}`, rules: alertsOf(group, props) })) },
    }).name;
  }
}

function alertsOf(group: AlertGroup, { classes = [] }: KeywardAlertRulesProps): readonly Alert[] {
  const aged = classes.flatMap(({ name, maximumKeyAgeDays: days }) =>
    days === undefined ? [] : [keyAgeAlert(name, days)],
  );
  return [...alertGroups[group], ...(group === 'rotation' ? aged : [])];
}

function refuseGroups(groups: readonly string[], subject: string): void {
  const unknown = groups.find((group) => !Object.hasOwn(alertGroups, group));
  if (groups.length > 0 && unknown === undefined) return;
  throw propError({
    prop: `${subject}.groups`,
    got: unknown === undefined ? 'none' : JSON.stringify(unknown),
    allowed: Object.keys(alertGroups).join(', '),
    remedy: 'Name what is to be watched, or leave the prop out',
  });
}
