import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../../runtime/errors';
import { type Launch, launchByFork } from '../../../runtime/process/launch';
import { loadPosixSpawn } from '../../../runtime/process/posix-spawn';
import { runBy, ToolError } from '../../../runtime/process/run';
import { Secret } from '../../../runtime/secret';

/** Both ways of starting a process keep the same promises. */
describe.each<[string, () => Promise<Launch | undefined>]>([
  ['a fork', () => Promise.resolve(launchByFork)],
  ['posix_spawn', loadPosixSpawn],
])('a tool that is started by %s', (_name, load) => {
  let run: ReturnType<typeof runBy>;
  beforeAll(async () => {
    const launch = await load();
    if (!launch) throw new Error('koffi cannot be loaded');
    run = runBy(launch);
  });

  const sh = (script: string, options?: Parameters<typeof run>[2]) => run('sh', ['-c', script], options);

  describe('standard input', () => {
    test('takes two secrets directly one after the other', async () => {
      const { stdout } = await run('od', ['-An', '-c'], {
        stdin: [Secret.fromText('one\n'), Secret.fromText('two\0')],
      });
      expect(stdout.replace(/\s+/g, ' ').trim()).toBe('o n e \\n t w o \\0');
    });

    test('is empty and closed when nothing is given', async () => {
      expect((await run('cat', [])).stdout).toBe('');
    });

    test('that the child never reads is no error', async () => {
      const large = Buffer.alloc(8 * 1024 * 1024);
      expect((await run('true', [], { stdin: [large] })).exitCode).toBe(0);
      await expect(run('false', [], { stdin: [large] })).toRejectWithCode('TOOL_FAILED');
    });
  });

  describe('the end', () => {
    test('exit code 0 gives both outputs apart', async () => {
      const result = await sh('echo out; echo err >&2');
      expect(result).toMatchObject({ exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
    });

    test('another exit code is an error with the same fields and the first lines of the text', async () => {
      const error = await sh('echo partial; echo "no such thing" >&2; exit 4').catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ToolError);
      expect(error).toMatchObject({ code: 'TOOL_FAILED', exitCode: 4, stdout: 'partial\n', stderr: 'no such thing\n' });
      expect(String(error)).toContain('no such thing');
    });

    test('an exit code that is an answer is none', async () => {
      expect((await sh('exit 2', { okExitCodes: [0, 2] })).exitCode).toBe(2);
      await expect(sh('exit 0', { okExitCodes: [2] })).toRejectWithCode('TOOL_FAILED');
    });

    test('by a signal is an error, whatever exit codes are answers', async () => {
      await expect(sh('kill -KILL $$', { okExitCodes: [0, 128] })).rejects.toMatchObject({
        exitCode: 128,
        stderr: 'killed by SIGKILL',
      });
    });

    test('a tool that is not there is told by name', async () => {
      const error = await run('keyward-no-such-tool', []).catch((thrown: unknown) => thrown);
      expect(() => {
        throw error;
      }).toThrowWithCode('TOOL_MISSING');
      expect(String(error)).toContain('keyward-no-such-tool');
    });
  });

  describe('limits', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'keyward-run-'));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    test('after its time a child gets SIGTERM', async () => {
      const mark = join(folder, 'terminated');
      await expect(
        sh(`trap 'echo > ${mark}; exit 0' TERM; while :; do sleep 0.01; done`, { timeoutMs: 100 }),
      ).toRejectWithCode('TOOL_TIMEOUT');
      expect(existsSync(mark)).toBe(true);
    });

    test('a child that ignores SIGTERM gets SIGKILL, and one that holds its pipes open keeps nobody waiting', async () => {
      const pid = join(folder, 'pid');
      await expect(
        sh(`trap '' TERM; echo $$ > ${pid}; sleep 60 & wait; sleep 60`, { timeoutMs: 100 }),
      ).toRejectWithCode('TOOL_TIMEOUT');
      await expect(sh(`kill -0 $(cat ${pid})`)).toRejectWithCode('TOOL_FAILED');
    });

    test('a signal that fires stops the child', async () => {
      const controller = new AbortController();
      const running = sh('sleep 60', { signal: controller.signal });
      await sleep(50);
      controller.abort();
      await expect(running).toRejectWithCode('ABORTED');
    });

    test('nothing is started when the signal has fired already', async () => {
      const mark = join(folder, 'started');
      await expect(sh(`echo > ${mark}`, { signal: AbortSignal.abort() })).toRejectWithCode('ABORTED');
      expect(existsSync(mark)).toBe(false);
    });

    test('a flood of output is cut and does not end the child', async () => {
      const { stdout, stderr } = await sh('head -c 20000000 /dev/zero; echo done >&2');
      expect(stdout.length).toBeLessThanOrEqual(4 * 1024 * 1024);
      expect(stderr).toBe('done\n');
    });
  });

  test('R11: a child sees no environment but PATH, the C locale and what libdevmapper needs', async () => {
    process.env.KEYWARD_TEST_SECRET = 'canary';
    process.env.DM_DISABLE_UDEV = '1';
    try {
      const { stdout } = await run('env', []);
      const names = stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=', 1)[0]);
      expect(names.sort()).toEqual(['DM_DISABLE_UDEV', 'LC_ALL', 'PATH']);
      expect(stdout).toContain('LC_ALL=C\n');
    } finally {
      delete process.env.KEYWARD_TEST_SECRET;
      delete process.env.DM_DISABLE_UDEV;
    }
  });

  test('leaves no descriptor open, also when it cannot be started', async () => {
    const before = readdirSync('/proc/self/fd').length;
    for (let turn = 0; turn < 20; turn += 1) {
      await run('cat', [], { stdin: [Buffer.from('x')] });
      await expect(run('keyward-no-such-tool', [])).toRejectWithCode('TOOL_MISSING');
    }
    // Others that run beside may have one open.
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(before + 10);
  });

  test('has only its three descriptors, and all signals as a new process has them', async () => {
    const script = 'ls /proc/self/fd; grep -E "^Sig(Blk|Ign)" /proc/self/status';
    const several = await Promise.all([sh(script), sh(script), sh(script)]);
    for (const { stdout } of several) {
      const descriptors = stdout.split('\n').filter((line) => /^\d+$/.test(line));
      // 3 is the folder that ls reads.
      expect(descriptors.filter((each) => Number(each) > 3 && !inherited().includes(each))).toEqual([]);
      const masks = [...stdout.matchAll(/^Sig(?:Blk|Ign):\s+([0-9a-f]+)$/gm)].map(([, mask]) => BigInt(`0x${mask}`));
      // From 32 on they are the C library's own.
      expect(masks.map((mask) => mask & 0x7fff_ffffn)).toEqual([0n, 0n]);
    }
  });

  test('fifty at once each have their own input and output', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => run('cat', [], { stdin: [Secret.fromText(`input ${index}`)] })),
    );
    expect(results.map(({ stdout }) => stdout)).toEqual(results.map((_, index) => `input ${index}`));
  });
});

/** The descriptors of this process that every child of it has: the standard ones, and what whoever started it left open. */
function inherited(): readonly string[] {
  const closeOnExec = 0o2000000;
  return readdirSync('/proc/self/fdinfo').filter((descriptor) => {
    try {
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '';
      return (Number.parseInt(flags, 8) & closeOnExec) === 0;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
  });
}
