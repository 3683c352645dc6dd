/** The parts of a pod template that decide what a container's process gets: arguments, environment, ports, probes, volumes. */
import { z } from 'zod';

const item = z.object({ key: z.string(), path: z.string(), mode: z.int().optional() });

const configMapSource = z.object({ name: z.string(), items: z.array(item).optional() });
const projection = z.object({
  configMap: configMapSource.optional(),
  secret: z.object({ name: z.string(), items: z.array(item).optional() }).optional(),
  serviceAccountToken: z.object({ path: z.string(), audience: z.string().optional() }).optional(),
  downwardAPI: z
    .object({ items: z.array(z.object({ path: z.string(), fieldRef: z.object({ fieldPath: z.string() }) })) })
    .optional(),
});

const volume = z.object({
  name: z.string(),
  hostPath: z.object({ path: z.string() }).optional(),
  emptyDir: z.unknown().optional(),
  configMap: configMapSource.optional(),
  secret: z.object({ secretName: z.string(), items: z.array(item).optional() }).optional(),
  projected: z.object({ sources: z.array(projection) }).optional(),
});

const container = z.object({
  name: z.string(),
  args: z.array(z.string()).default([]),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z.object({ fieldRef: z.object({ fieldPath: z.string() }).optional() }).optional(),
      }),
    )
    .default([]),
  ports: z.array(z.object({ name: z.string().optional(), containerPort: z.int() })).default([]),
  startupProbe: z
    .object({
      httpGet: z.object({ path: z.string(), port: z.union([z.string(), z.int()]) }).optional(),
      periodSeconds: z.int().default(10),
      failureThreshold: z.int().default(3),
    })
    .optional(),
  volumeMounts: z
    .array(
      z.object({
        name: z.string(),
        mountPath: z.string(),
        subPath: z.string().optional(),
        mountPropagation: z.string().optional(),
      }),
    )
    .default([]),
});

export const podTemplate = z.object({
  spec: z.object({ containers: z.array(container), volumes: z.array(volume).default([]) }),
});

export type PodTemplate = z.output<typeof podTemplate>;
export type Container = z.output<typeof container>;
export type Volume = z.output<typeof volume>;
export type Projection = z.output<typeof projection>;
export type Item = z.output<typeof item>;
