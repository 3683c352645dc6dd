/** docs/try-it.md as a reader types it: all its commands in one shell, and what comes is what the page shows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { lookAt, takeDown } from '../../tools/cluster/box-folder';
import { requireTool } from '../../tools/ensure';
import { exec } from '../../tools/exec';
import { boxLogTails } from '../harness/box-logs';
import { bootLimitMs, boxComponents } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';
import { driverImageComponents } from '../harness/driver-images';
import { ShellSession } from '../harness/shell-session';
import { isAsShown, type PageStep, sectionsOf } from '../harness/typed-page';
import { read, root } from '../unit/docs/markdown';

// A block has its own limit.
jest.setTimeout(5 * bootLimitMs);

/** It would put other packages under the very process that tests. */
const notTyped = 'npm ci\n';
const logLines = 30;

describeWithGuest([...boxComponents, ...driverImageComponents, 'kubectl'], 'docs/try-it.md', () => {
  // Not the folder of a cluster that somebody has for himself; and short, for the sockets in it.
  const parent = mkdtempSync('/tmp/keyward-box-');
  const folder = join(parent, 'cluster');
  let env: NodeJS.ProcessEnv;
  let shell: ShellSession;
  beforeAll(() => {
    const { FORCE_COLOR: _, ...own } = process.env;
    env = {
      ...own,
      KEYWARD_CLUSTER: folder,
      KUBECACHEDIR: join(parent, 'kubectl'),
      // This version of it, whatever the machine has.
      PATH: [dirname(requireTool('kubectl')), process.env.PATH].join(delimiter),
      NO_COLOR: '1',
      // It warns of settings of the user that it does not know.
      npm_config_loglevel: 'error',
    };
    shell = new ShellSession(root, env);
  });
  afterAll(async () => {
    await shell?.end();
    await takeDown(folder);
    rmSync(parent, { recursive: true, force: true });
  });

  test.each(sectionsOf(read('docs/try-it.md')))('$heading', async ({ steps }) => {
    for (const step of steps) if (step.commands !== notTyped) await take(step);
  });

  async function take({ commands, output }: PageStep): Promise<void> {
    try {
      const seen = await shell.run(commands, bootLimitMs);
      if (output !== undefined && !isAsShown(output, seen))
        throw new Error(`what comes is not what the page shows, but:\n${seen}`);
    } catch (error) {
      // What comes after it would fail as well, but later.
      await shell.end();
      throw new Error(`${commands}\n${error instanceof Error ? error.message : error}\n${await circumstances()}`);
    }
  }

  async function circumstances(): Promise<string> {
    const status = await lookAt(folder);
    if (status === undefined) return 'there is no cluster';
    const getAll = ['--kubeconfig', status.kubeconfig, 'get', 'pods,pvc,events', '--all-namespaces'];
    return `${(await exec(requireTool('kubectl'), getAll, { env })).output}\n${boxLogTails(status, logLines)}`;
  }
});
