/**
 * Work that one process of several does: whoever holds a Lease of Kubernetes (coordination.k8s.io/v1).
 *
 *     waiting ──lease is free, or nobody renewed it for its length──▶ leading ──not renewed in time, or taken──▶ waiting
 *
 * Only times of this process are compared with one another, never with those in the Lease: clocks of nodes may differ. A
 * leader that could not renew stops before another may begin. What a process did that stood still in between is safe all the
 * same, because every rotation holds the lock of its volume.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { CodedError } from '../../errors';
import { type KubernetesClient, path } from '../../kubernetes/client';
import { KubernetesError } from '../../kubernetes/errors';
import { parsed } from '../../kubernetes/objects';
import type { Log } from '../../log';

export interface LeadershipOptions {
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Who this is, for people; something random is put behind it. */
  readonly identity: string;
  /** How long the others wait for one that is silent. It renews three times as often. */
  readonly leaseMs: number;
  readonly log: Log;
  /** At each change. */
  readonly onChange?: (leads: boolean) => void;
  /** Runs while this process leads, and ends when the signal fires. */
  readonly work: (signal: AbortSignal) => Promise<void>;
}

const leaseShape = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  spec: z
    .object({
      holderIdentity: z.string().nullish(),
      leaseDurationSeconds: z.number().nullish(),
      leaseTransitions: z.number().nullish(),
    })
    .nullish(),
});

type LeaseObject = z.output<typeof leaseShape>;

export class Leadership {
  readonly #client: KubernetesClient;
  readonly #options: LeadershipOptions;
  readonly #identity: string;
  readonly #closing = new AbortController();
  /** The Lease as another wrote it last, and when it was first seen so. */
  #seen: { readonly resourceVersion: string; readonly atMs: number } | undefined;
  #running: Promise<void> | undefined;

  constructor(client: KubernetesClient, options: LeadershipOptions) {
    this.#client = client;
    this.#options = options;
    this.#identity = `${options.identity}_${randomUUID()}`;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Waits for the end of the work, and gives the Lease back so that another need not wait. Never throws. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const beganMs = performance.now();
      if (await this.#tryToHold()) await this.#lead(beganMs);
      await this.#pause();
    }
  }

  async #lead(beganMs: number): Promise<void> {
    const { leaseMs, log, onChange, work, name } = this.#options;
    const lost = new AbortController();
    const stopIfSilent = (sinceMs: number) =>
      setTimeout(() => lost.abort(), Math.max(0, sinceMs + (leaseMs * 2) / 3 - performance.now()));
    let timer = stopIfSilent(beganMs);
    const signal = AbortSignal.any([lost.signal, this.#closing.signal]);
    onChange?.(true);
    log.info('leads', { detail: name });
    const working = work(signal).catch((error: unknown) => log.error('the work of the leader failed', { error }));
    while (!signal.aborted) {
      await this.#pause(signal);
      const askedMs = performance.now();
      const held = signal.aborted ? undefined : await this.#hold();
      if (held === false) lost.abort();
      if (held !== true) continue;
      clearTimeout(timer);
      timer = stopIfSilent(askedMs);
    }
    clearTimeout(timer);
    onChange?.(false);
    await working;
    log.info('leads no longer', { detail: name });
    if (this.#closing.signal.aborted) await this.#release();
  }

  async #tryToHold(): Promise<boolean> {
    return (await this.#hold()) === true;
  }

  /** True: held. False: another has it. Undefined: the API did not answer, so that nothing is known. */
  async #hold(): Promise<boolean | undefined> {
    try {
      return await this.#acquire();
    } catch (error) {
      this.#options.log.warn('the lease could not be had', { error, detail: this.#options.name });
      return undefined;
    }
  }

  async #acquire(): Promise<boolean> {
    const present = await this.#read();
    const { leaseMs } = this.#options;
    const leaseDurationSeconds = Math.ceil(leaseMs / 1000);
    const times = { renewTime: microTime() };
    if (!present) return this.#write(undefined, { ...times, leaseDurationSeconds, acquireTime: microTime() });
    const { holderIdentity, leaseTransitions } = present.spec ?? {};
    if (holderIdentity === this.#identity) return this.#write(present, { ...times, leaseDurationSeconds });
    if (holderIdentity && !this.#isAbandoned(present)) return false;
    const transitions = { acquireTime: microTime(), leaseTransitions: (leaseTransitions ?? 0) + 1 };
    return this.#write(present, { ...times, ...transitions, leaseDurationSeconds });
  }

  #isAbandoned({ metadata: { resourceVersion }, spec }: LeaseObject): boolean {
    const nowMs = performance.now();
    if (this.#seen?.resourceVersion !== resourceVersion) this.#seen = { resourceVersion, atMs: nowMs };
    return nowMs - this.#seen.atMs > (spec?.leaseDurationSeconds ?? 0) * 1000;
  }

  async #release(): Promise<void> {
    try {
      const present = await this.#read();
      if (present?.spec?.holderIdentity === this.#identity) await this.#write(present, { renewTime: microTime() }, '');
    } catch (error) {
      this.#options.log.warn('the lease could not be given back; the next has to wait for its end', { error });
    }
  }

  async #read(): Promise<LeaseObject | undefined> {
    const answer = await this.#client.request({ method: 'GET', path: this.#path() });
    return answer && parsed(leaseShape, answer, 'GET lease');
  }

  /** False when somebody else wrote in between. */
  async #write(
    present: LeaseObject | undefined,
    spec: object,
    holderIdentity: string = this.#identity,
  ): Promise<boolean> {
    const { namespace, name } = this.#options;
    const written = { ...spec, holderIdentity };
    try {
      if (present) {
        const { resourceVersion } = present.metadata;
        const answer = await this.#client.request({
          method: 'PATCH',
          path: this.#path(),
          contentType: 'application/merge-patch+json',
          body: { metadata: { resourceVersion }, spec: written },
        });
        return answer !== undefined;
      }
      const answer = await this.#client.request({
        method: 'POST',
        path: path(['apis', 'coordination.k8s.io', 'v1', 'namespaces', namespace, 'leases']),
        body: { metadata: { namespace, name }, spec: written },
      });
      if (answer) return true;
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 409) return false;
      throw error;
    }
    throw new CodedError('CONFIG_INVALID', `there is no namespace ${namespace}`, {
      remedy: 'Give --namespace, or set POD_NAMESPACE.',
    });
  }

  #path(): string {
    const { namespace, name } = this.#options;
    return path(['apis', 'coordination.k8s.io', 'v1', 'namespaces', namespace, 'leases', name]);
  }

  /** A third of the lease, somewhat shifted: those who wait do not all ask at once. */
  async #pause(signal: AbortSignal = this.#closing.signal): Promise<void> {
    const pauseMs = (this.#options.leaseMs / 3) * (0.7 + 0.3 * Math.random());
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** As the type MicroTime of Kubernetes is read. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
