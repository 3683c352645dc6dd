// Whom the children of a component belong to.
import type { ComponentResource, ComponentResourceOptions } from '@pulumi/pulumi';

/** The component that gets the objects. */
export interface Owner {
  readonly resource: ComponentResource;
  /** Name of the component: leads the name of each child, so that two components of a stack do not collide. */
  readonly name: string;
  /** What the component waits for. Pulumi does not hand this to children, so it is done here. */
  readonly dependsOn: ComponentResourceOptions['dependsOn'];
}
