/** Objects of a cluster with nodes: waited for and looked at. What does not come is shown with its events and the logs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonResponse } from './http-json';
import type { KubernetesApi } from './server-side-apply';

type Body = JsonResponse['body'];

/** One failed call of a driver costs the kubelet's back-off, which grows to two minutes. */
const limitMs = 300_000;
const pollMs = 500;

export class ClusterObjects {
  readonly #api: KubernetesApi;
  readonly #logTails: () => string;

  /** @param logTails what the message of a failure ends with */
  constructor(api: KubernetesApi, logTails: () => string) {
    this.#api = api;
    this.#logTails = logTails;
  }

  /** Running and ready. @returns the Pod. @throws Error at once when it has failed */
  untilPodReady(namespace: string, name: string): Promise<Body> {
    return this.#untilPod(namespace, name, 'is not ready', ({ status }) =>
      (status.conditions ?? []).some((each: Body) => each.type === 'Ready' && each.status === 'True'),
    );
  }

  /** Ended well. @returns the Pod. @throws Error at once when it has failed */
  untilPodSucceeded(namespace: string, name: string): Promise<Body> {
    return this.#untilPod(namespace, name, 'has not ended', ({ status }) => status.phase === 'Succeeded');
  }

  /** What a container wrote. Several containers: name one. */
  async podLog(namespace: string, name: string, container?: string): Promise<string> {
    const query = container === undefined ? '' : `?container=${container}`;
    const { body } = await this.#api.expectOk('GET', `${podPath(namespace, name)}/log${query}`);
    // A log that is JSON comes parsed.
    return typeof body === 'string' ? body : JSON.stringify(body ?? '');
  }

  /** Deletes a Pod and resolves when it is gone, with its volumes unpublished. */
  async deletePod(namespace: string, name: string, gracePeriodSeconds = 1): Promise<void> {
    await this.#api.expectOk('DELETE', podPath(namespace, name), { gracePeriodSeconds });
    await this.untilGone(podPath(namespace, name));
  }

  /** Names of the Pods with a label. */
  async podNames(namespace: string, labelSelector: string): Promise<readonly string[]> {
    const query = `labelSelector=${encodeURIComponent(labelSelector)}`;
    const { body } = await this.#api.expectOk('GET', `/api/v1/namespaces/${namespace}/pods?${query}`);
    return body.items.map(({ metadata }: Body) => metadata.name);
  }

  /** The answer to a GET that fits. */
  async untilFound(path: string, fits: (body: Body) => boolean): Promise<Body> {
    return this.until(`${path} is not as it should be`, path, ({ status, body }) => status === 200 && fits(body));
  }

  async untilGone(path: string): Promise<void> {
    await this.until(`${path} is still there`, path, ({ status }) => status === 404);
  }

  /** An event of an object whose text, `REASON: MESSAGE`, fits. @returns the text */
  async untilEvent(namespace: string, name: string, pattern: RegExp): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.name%3D${name}`;
    const fitting = ({ items }: Body): string | undefined => eventTexts(items).find((text) => pattern.test(text));
    const body = await this.until(`${name} has no event like ${pattern}`, path, (answer) => !!fitting(answer.body));
    return fitting(body) ?? '';
  }

  /** Texts of the events of an object, or of all in the namespace, as `REASON: MESSAGE`. */
  async events(namespace: string, name?: string): Promise<readonly string[]> {
    const query = name === undefined ? '' : `?fieldSelector=involvedObject.name%3D${name}`;
    const { body } = await this.#api.expectOk('GET', `/api/v1/namespaces/${namespace}/events${query}`);
    return eventTexts(body.items);
  }

  /** Polls `path` until the answer fits. @returns its body. @throws Error with the object, its events and the logs */
  async until(what: string, path: string, fits: (answer: JsonResponse) => boolean, waitMs = limitMs): Promise<Body> {
    const untilMs = Date.now() + waitMs;
    for (;;) {
      const answer = await this.#api.request('GET', path);
      if (fits(answer)) return answer.body;
      if (Date.now() > untilMs) throw new Error(await this.#describe(`${what} after ${waitMs / 1000} s`, path));
      await sleep(pollMs);
    }
  }

  async #untilPod(namespace: string, name: string, what: string, fits: (pod: Body) => boolean): Promise<Body> {
    const path = podPath(namespace, name);
    const pod = await this.until(`the Pod ${name} ${what}`, path, ({ status, body }) => {
      return status === 200 && (fits(body) || body.status.phase === 'Failed');
    });
    if (fits(pod)) return pod;
    throw new Error(await this.#describe(`the Pod ${name} has failed`, path));
  }

  async #describe(what: string, path: string): Promise<string> {
    const { body } = await this.#api.request('GET', path);
    const { managedFields: _, ...metadata } = body?.metadata ?? {};
    const namespace = /\/namespaces\/([^/]+)/.exec(path)?.[1] ?? 'default';
    return [
      `${what}. It is ${JSON.stringify({ ...body, metadata })}`,
      ...['--- events', ...(await this.events(namespace))],
      this.#logTails(),
    ].join('\n');
  }
}

function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

function eventTexts(items: readonly Body[]): readonly string[] {
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}
