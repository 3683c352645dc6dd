/** Builds the result from the events of the inner program. */
import {
  type CallRecord,
  type Comparison,
  type DemoEvent,
  type DemoMode,
  type DemoResult,
  type Evidence,
  type ProofName,
  proofNames,
  type StepResult,
  steps,
} from './protocol';

export class Collector {
  readonly #startedAt = new Date();
  #kernel = '';
  #versions: Readonly<Record<string, string>> = {};
  #comparison: readonly Comparison[] = [];
  #evidence: Evidence | undefined;
  #error: string | undefined;
  readonly #steps: StepResult[] = [];
  readonly #calls: CallRecord[] = [];
  readonly #proofs = new Map<ProofName, { readonly ok: boolean; readonly observed: string }>();

  constructor(private readonly mode: DemoMode) {}

  add(event: DemoEvent): void {
    switch (event.type) {
      case 'environment':
        this.#kernel = event.kernel;
        this.#versions = { ...event.versions, ...this.#versions };
        return;
      case 'driver':
        this.#versions = { ...this.#versions, keyward: event.version };
        return;
      case 'ended':
        this.#steps.push({ name: event.step, ok: event.ok, ms: event.ms, detail: event.detail });
        return;
      case 'call':
        this.#calls.push(event.call);
        return;
      case 'comparison':
        this.#comparison = event.rows;
        return;
      case 'evidence':
        this.#evidence = event.evidence;
        return;
      case 'proof':
        this.#proofs.set(event.proof, { ok: event.ok, observed: event.observed });
        return;
      case 'failed':
        this.#error ??= event.message;
        return;
      case 'started':
        return;
      default:
        event satisfies never;
    }
  }

  /** @param error Why the inner program ended, when it could not say so itself. */
  result(error?: string): DemoResult {
    const why = this.#error ?? error;
    const proven = proofNames.every((name) => this.#proofs.get(name)?.ok === true);
    const done = this.#steps.length === steps.length && this.#steps.every((step) => step.ok);
    const observed = [...this.#proofs].map(([name, proof]) => [name, proof.observed] as const);
    return {
      ok: why === undefined && proven && done,
      mode: this.mode,
      kernel: this.#kernel,
      versions: this.#versions,
      startedAt: this.#startedAt.toISOString(),
      totalMs: Date.now() - this.#startedAt.getTime(),
      steps: this.#steps,
      proofs: Object.fromEntries(
        proofNames.map((name) => [name, this.#proofs.get(name)?.ok === true]),
      ) as DemoResult['proofs'],
      observations: Object.fromEntries(observed),
      calls: this.#calls,
      comparison: this.#comparison,
      ...(this.#evidence && { evidence: this.#evidence }),
      ...(why !== undefined && { error: why }),
    };
  }
}
