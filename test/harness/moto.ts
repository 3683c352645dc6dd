/** A real moto server on 127.0.0.1: the APIs of AWS KMS, STS and IAM, with signatures and policies checked when asked to. */

import { signed } from '../../runtime/kms/aws/sigv4';
import { Secret } from '../../runtime/secret';
import { requireTool } from '../../tools/ensure';
import { type JsonResponse, requestJson } from './http-json';
import { freePort } from './ports';
import { ServerProcess } from './server-process';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Moto {
  readonly address: string;
  /** One call of the KMS API by an administrator. */
  kms(action: string, input: Readonly<Record<string, unknown>>): Promise<JsonResponse>;
  /** Makes a key and returns its ARN. */
  createKey(): Promise<string>;
  /** Makes a user with this policy and returns an access key. */
  createUser(name: string, policy: object): Promise<AccessKey>;
  /** Makes a role that anybody may assume, with this policy, and returns its ARN. */
  createRole(name: string, policy: object): Promise<string>;
  /** From now on signatures and policies count. */
  enforce(): Promise<void>;
  /** From now on they do not count, as at the beginning. */
  forgive(): Promise<void>;
  stop(): Promise<void>;
}

export const motoRegion = 'eu-central-1';

/** @throws ToolError TOOL_NOT_PREPARED; Error with the end of the log when it does not start */
export async function startMoto(): Promise<Moto> {
  const server = new ServerProcess('moto');
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  let administrator: AccessKey = { accessKeyId: 'none', secretAccessKey: 'none' };
  try {
    await server.start({
      command: requireTool('moto'),
      args: ['-H', '127.0.0.1', '-p', `${port}`],
      isHealthy: async () =>
        (await requestJson({ url: `${address}/moto-api/data.json`, timeoutMs: 2_000 })).status === 200,
    });
    const post = async (service: string, headers: Record<string, string>, body: string) => {
      const response = await fetch(`${address}/`, {
        method: 'POST',
        body,
        headers: signed(
          { url: `${address}/`, headers, body },
          {
            accessKeyId: administrator.accessKeyId,
            secretAccessKey: Secret.fromText(administrator.secretAccessKey),
          },
          { region: motoRegion, service, at: new Date() },
        ),
      });
      return { status: response.status, text: await response.text() };
    };
    const iam = async (parameters: Readonly<Record<string, string>>) => {
      const form = new URLSearchParams({ Version: '2010-05-08', ...parameters }).toString();
      const { status, text } = await post('iam', { 'content-type': 'application/x-www-form-urlencoded' }, form);
      if (status !== 200) throw new Error(`moto: ${parameters.Action} answered ${status}: ${text}`);
      return text;
    };
    const kms = async (action: string, input: Readonly<Record<string, unknown>>): Promise<JsonResponse> => {
      const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${action}` };
      const { status, text } = await post('kms', headers, JSON.stringify(input));
      return { status, body: text === '' ? undefined : JSON.parse(text) };
    };
    const createUser = async (name: string, policy: object): Promise<AccessKey> => {
      await iam({ Action: 'CreateUser', UserName: name });
      const document = JSON.stringify({ Version: '2012-10-17', Statement: [policy] });
      await iam({ Action: 'PutUserPolicy', UserName: name, PolicyName: 'p', PolicyDocument: document });
      const xml = await iam({ Action: 'CreateAccessKey', UserName: name });
      const text = (element: string) => new RegExp(`<${element}>([^<]+)<`).exec(xml)?.[1] ?? '';
      return { accessKeyId: text('AccessKeyId'), secretAccessKey: text('SecretAccessKey') };
    };
    const enforceAfter = async (calls: string) => {
      const { status } = await fetch(`${address}/moto-api/reset-auth`, { method: 'POST', body: calls });
      if (status !== 200) throw new Error(`moto: reset-auth answered ${status}`);
    };
    administrator = await createUser('administrator', { Effect: 'Allow', Action: '*', Resource: '*' });
    return {
      address,
      kms,
      createUser,
      createKey: async () => (await kms('CreateKey', {})).body.KeyMetadata.Arn,
      async createRole(name, policy) {
        const trust = { Effect: 'Allow', Principal: { Federated: '*' }, Action: 'sts:AssumeRoleWithWebIdentity' };
        const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
        const xml = await iam({ Action: 'CreateRole', RoleName: name, AssumeRolePolicyDocument });
        const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [policy] });
        await iam({ Action: 'PutRolePolicy', RoleName: name, PolicyName: 'p', PolicyDocument });
        return /<Arn>([^<]+)</.exec(xml)?.[1] ?? '';
      },
      enforce: () => enforceAfter('0'),
      forgive: () => enforceAfter('inf'),
      stop: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
