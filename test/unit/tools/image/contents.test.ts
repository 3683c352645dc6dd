import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultImages, imageUser } from '../../../../lib/constructs/images';
import { componentOf } from '../../../../tools/components';
import { contentsOf, FLAVOURS } from '../../../../tools/image/contents';
import { debianRelease } from '../../../../tools/image/debian/apt';

const root = join(__dirname, '../../../..');
const containerfile = readFileSync(join(root, 'Containerfile'), 'utf8');

/** What the driver starts: the first argument of each call of `run`. */
function startedCommands(): readonly string[] {
  const files = readdirSync(join(root, 'runtime'), { recursive: true, encoding: 'utf8' });
  const sources = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, 'runtime', file), 'utf8'));
  const names = sources.flatMap((text) =>
    [...text.matchAll(/\brun\(\s*'([a-z][\w.-]*)'/g)].map(([, name = '']) => name),
  );
  return [...new Set(names)].sort();
}

test('the image with everything has every command that the driver starts', () => {
  const inside = contentsOf('ceph').flatMap(({ commands }) => commands);
  const started = startedCommands();
  expect(started.length).toBeGreaterThan(10);
  expect([...started, 'mkfs.ext4', 'mkfs.xfs'].filter((name) => !inside.includes(name))).toEqual([]);
});

test('the image for Ceph has what rbd itself starts', () => {
  // Source: Ceph 16, utime_t::invoke_date, which `rbd trash mv` reaches.
  expect(contentsOf('ceph').flatMap(({ commands }) => commands)).toContain('date');
});

test('the standard image lacks what is for Ceph, and nothing else', () => {
  const standard = contentsOf('standard').flatMap(({ commands }) => commands);
  expect(startedCommands().filter((name) => !standard.includes(name))).toEqual(['rbd', 'rbd-nbd']);
});

describe('the Containerfile', () => {
  /** Packages that the stage installs, by itself. */
  const installed = (stage: string) => {
    const text = containerfile.split(/^FROM /m).find((part) => new RegExp(`AS ${stage}\n`).test(part)) ?? '';
    const [, list = ''] = /install --yes --no-install-recommends\s([^&]*)&&/.exec(text) ?? [];
    return list.split(/[\s\\]+/).filter((word) => word !== '');
  };

  test('installs the packages of the image that npm run image builds', () => {
    const [standard, ceph] = FLAVOURS.map((flavour) =>
      contentsOf(flavour)
        .map((each) => each.package)
        .sort(),
    );
    expect(installed('standard').sort()).toEqual(standard);
    expect([...installed('standard'), ...installed('ceph')].sort()).toEqual(ceph);
  });

  test('is of the same release of Debian, and ends as the same user in each stage', () => {
    expect(containerfile).toMatch(new RegExp(`^ARG BASE=docker.io/library/node:\\d+-${debianRelease}-slim$`, 'm'));
    const stages = containerfile.split(/^FROM /m).slice(1);
    const users = stages.map((stage) => [...stage.matchAll(/^USER (.*)$/gm)].at(-1)?.[1]);
    expect(users).toEqual(stages.map(() => `${imageUser}:${imageUser}`));
  });
});

test.each([
  ['provisioner', 'csi-provisioner'],
  ['resizer', 'csi-resizer'],
  ['snapshotter', 'csi-snapshotter'],
  ['attacher', 'csi-attacher'],
  ['csiAddons', 'csi-addons-sidecar'],
] as const)('the image of the sidecar %s is of the version that the tests run', (name, tool) => {
  const component = componentOf(tool);
  if (component.kind !== 'go') throw new Error(`${tool} is not built here`);
  expect(defaultImages[name].split(':v').at(-1)).toBe(component.version);
});
