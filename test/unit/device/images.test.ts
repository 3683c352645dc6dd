import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackEnd, ImageRef } from '../../../runtime/device/back-end';
import { openLoopBackEnd } from '../../../runtime/device/loop/loop-back-end';
import { type Run, run } from '../../../runtime/process/run';

const mebibyte = 1024 * 1024;
let directory: string;
let backEnd: BackEnd;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keyward-images-'));
  backEnd = await reopened();
});
afterEach(() => rmSync(directory, { recursive: true }));

const reopened = (more: { capacityBytes?: number } = {}, using: Run = run) =>
  openLoopBackEnd({ directory, nodeId: 'node-1', capacityBytes: 1024 ** 4, ...more }, { run: using });
const newImage = async (kind: ImageRef['kind'] = 'volume', name = 'pvc-1'): Promise<ImageRef> => ({
  kind,
  id: await (kind === 'volume' ? backEnd.volumes : backEnd.snapshots).reserve(name),
});
const pathOf = ({ kind, id }: ImageRef) => join(directory, 'images', `${kind}s`, `${id}.img`);
const write = async (image: ImageRef, offset: number, text: string) => {
  const file = await open(pathOf(image), 'r+');
  await file.write(text, offset);
  await file.close();
};

test('allocates sparse files that only grow', async () => {
  const image = await newImage();
  expect(await backEnd.images.sizeBytes(image)).toBeUndefined();
  await backEnd.images.allocate(image, 100 * mebibyte);
  await write(image, 50 * mebibyte, 'data');
  await backEnd.images.allocate(image, 10 * mebibyte);
  expect(await backEnd.images.sizeBytes(image)).toBe(100 * mebibyte);
  await backEnd.images.allocate(image, 200 * mebibyte);
  expect(statSync(pathOf(image))).toMatchObject({ size: 200 * mebibyte, mode: 0o100600 });
  expect(statSync(pathOf(image)).blocks * 512).toBeLessThan(mebibyte);
  expect(readFileSync(pathOf(image)).toString('latin1', 50 * mebibyte, 50 * mebibyte + 4)).toBe('data');
});

test('knows an image that was never written to', async () => {
  const image = await newImage();
  expect(await backEnd.images.isUnwritten(image)).toBeUndefined();
  await backEnd.images.allocate(image, mebibyte);
  expect(await backEnd.images.isUnwritten(image)).toBe(true);
  await write(image, 500_000, '\0');
  expect(await backEnd.images.isUnwritten(image)).toBe(false);
});

test('counts what images promise against the configured capacity', async () => {
  backEnd = await reopened({ capacityBytes: 100 * mebibyte });
  expect(await backEnd.capacity()).toEqual({ availableBytes: 100 * mebibyte, maximumImageBytes: 100 * mebibyte });
  const [first, second] = [await newImage(), await newImage('snapshot')];
  await backEnd.images.allocate(first, 60 * mebibyte);
  expect(await backEnd.capacity()).toMatchObject({ availableBytes: 40 * mebibyte });
  await expect(backEnd.images.allocate(second, 41 * mebibyte)).toRejectWithCode('STORAGE_FULL');
  expect(existsSync(pathOf(second))).toBe(false);
  await expect(backEnd.images.copy(first, second)).toRejectWithCode('STORAGE_FULL');
  await expect(backEnd.images.allocate(first, 101 * mebibyte)).toRejectWithCode('STORAGE_FULL');
  await backEnd.images.allocate(first, 100 * mebibyte);
});

test('promises the same room only once to calls at the same time', async () => {
  backEnd = await reopened({ capacityBytes: 100 * mebibyte });
  const images = await Promise.all(['a', 'b', 'c'].map((name) => newImage('volume', name)));
  const results = await Promise.allSettled(images.map((image) => backEnd.images.allocate(image, 40 * mebibyte)));
  expect(results.map((it) => it.status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
});

test('without a configured capacity promises no more than the disk can keep', async () => {
  backEnd = await openLoopBackEnd({ directory, nodeId: 'node-1' }, { run });
  const { availableBytes } = await backEnd.capacity();
  const image = await newImage();
  await expect(backEnd.images.allocate(image, availableBytes * 2)).toRejectWithCode('STORAGE_FULL');
  await backEnd.images.allocate(image, Math.floor(availableBytes / 2));
  expect((await backEnd.capacity()).availableBytes).toBeLessThan(0.6 * availableBytes);
});

test('copies an image whole and sparse, once', async () => {
  const [from, to] = [await newImage(), await newImage('snapshot')];
  await backEnd.images.allocate(from, 64 * mebibyte);
  await write(from, 33 * mebibyte, 'data');
  await backEnd.images.copy(from, to);
  expect(readFileSync(pathOf(to)).equals(readFileSync(pathOf(from)))).toBe(true);
  expect(statSync(pathOf(to)).blocks * 512).toBeLessThan(mebibyte);
  expect(statSync(pathOf(to)).mode).toBe(0o100600);
  await write(from, 0, 'changed');
  await backEnd.images.copy(from, to);
  expect(readFileSync(pathOf(to)).toString('latin1', 0, 1)).toBe('\0');
});

test('a copy of an image that was never written to is one too', async () => {
  const [from, to] = [await newImage(), await newImage('snapshot')];
  await backEnd.images.allocate(from, 64 * mebibyte);
  await backEnd.images.copy(from, to);
  expect(await backEnd.images.isUnwritten(to)).toBe(true);
});

test('a copy that fails, or is cut off, leaves no image; the next call makes it', async () => {
  const [from, to] = [await newImage(), await newImage('snapshot')];
  await backEnd.images.allocate(from, mebibyte);
  await write(from, 0, 'data');
  const failing = await reopened({}, () => Promise.reject(new Error('killed')));
  await expect(failing.images.copy(from, to)).rejects.toThrow('killed');
  expect(existsSync(`${pathOf(to)}.new`)).toBe(false);
  writeFileSync(`${pathOf(to)}.new`, 'what a crash left of a longer copy'.repeat(100_000));
  expect(await backEnd.images.sizeBytes(to)).toBeUndefined();
  await backEnd.images.copy(from, to);
  expect(readFileSync(pathOf(to)).equals(readFileSync(pathOf(from)))).toBe(true);
  expect(existsSync(`${pathOf(to)}.new`)).toBe(false);
});

test('refuses to copy what is not there', async () => {
  const [from, to] = [await newImage(), await newImage('snapshot')];
  await expect(backEnd.images.copy(from, to)).toRejectWithCode('VOLUME_NOT_FOUND');
});

test('removes an image, and what is left of a copy into it; again without error', async () => {
  const image = await newImage();
  await backEnd.images.allocate(image, mebibyte);
  writeFileSync(`${pathOf(image)}.new`, 'rest');
  await backEnd.images.remove(image);
  await backEnd.images.remove(image);
  expect(existsSync(pathOf(image))).toBe(false);
  expect(existsSync(`${pathOf(image)}.new`)).toBe(false);
});

test('at its start sweeps copies that were abandoned, and not one that is under way', async () => {
  const [old, young] = [await newImage('volume', 'a'), await newImage('volume', 'b')];
  for (const image of [old, young]) writeFileSync(`${pathOf(image)}.new`, 'part');
  utimesSync(`${pathOf(old)}.new`, 0, 0);
  await reopened();
  expect(existsSync(`${pathOf(old)}.new`)).toBe(false);
  expect(existsSync(`${pathOf(young)}.new`)).toBe(true);
});

test('gives the image itself for work on the header while it is not attached', async () => {
  const image = await newImage();
  await backEnd.images.allocate(image, mebibyte);
  expect(await backEnd.images.withHeader(image, async (path) => path)).toBe(pathOf(image));
});
