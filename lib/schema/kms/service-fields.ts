// Fields that the sections of the cloud and KMIP types have in common.
import * as z from 'zod';
import { objectName } from '../names';
import { type IssueParams, purposeOf } from '../zod-issues';
import type { KmsOption } from './definition';

const loopback = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/;

/**
 * Address of a service that is shown credentials. TLS is required, except towards this very machine: a local proxy, or a
 * stand-in for tests.
 */
export const serviceUrl = z
  .string()
  .refine((text) => /^https?:\/\/[^/\s@?#]+(\/[^\s?#]*)?$/.test(text) && URL.canParse(text), {
    error: 'is not the URL of a service',
    params: { remedy: 'write https://host, without user, query and fragment' } satisfies IssueParams,
    abort: true,
  })
  .refine((text) => text.startsWith('https:') || loopback.test(new URL(text).hostname), {
    error: 'is not an https address',
    params: { remedy: 'write https://…: credentials go there; http is for this machine only' } satisfies IssueParams,
  });

/** Text that ceph-csi requires and that cannot be empty, e.g. the id of an instance. */
export const filledText = z.string().refine((text) => text.trim() === text && text !== '', {
  error: 'is empty, or has blanks around it',
  params: { remedy: 'write the value alone' } satisfies IssueParams,
});

/** Name of the Secret with the credentials. */
export const credentialSecret = (fallback: string) =>
  objectName.describe(`name of the Secret with the credentials; without it ${fallback}`);

/** The options of a section for the documentation, from the descriptions of its fields. No tenant may set any. */
export function optionsOf(wire: z.ZodObject): Readonly<Record<string, KmsOption>> {
  return Object.fromEntries(
    Object.entries(wire.shape).flatMap(([key, field]) => {
      const docs = purposeOf(field as z.ZodType);
      return docs === undefined ? [] : [[key, { docs, tenantMaySet: false }]];
    }),
  );
}
