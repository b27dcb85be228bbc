import { splitObjects, type RawObject } from './object-stream.js';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function split(text: string, size: number, keep = 1000): Promise<RawObject[]> {
  const objects: RawObject[] = [];
  for await (const object of splitObjects(inPieces(Buffer.from(text), size), keep)) objects.push(object);
  return objects;
}

// The first object holds what looks like the end of it and the beginning of another.
const NESTED = `x\n${B} commit 3\nabc\n`;
const OUTPUT = `${A} commit ${String(NESTED.length)}\n${NESTED}\n${B} commit 0\n\n`;

it.each([1, 2, 7, 41, 10_000])('splits by length, in pieces of %i bytes', async (size) => {
  const objects = await split(OUTPUT, size);
  expect(objects.map(({ sha, content }) => [sha, content.begin.toString()])).toEqual([
    [A, NESTED],
    [B, ''],
  ]);
});

it('keeps the beginning of what is long', async () => {
  const objects = await split(`${A} commit 10\n0123456789\n${B} commit 2\nab\n`, 3, 4);
  expect(objects.map(({ content }) => content.begin.toString())).toEqual(['0123', 'ab']);
});

it.each([1, 3, 5, 100])('keeps the end of what is long as well, in pieces of %i bytes', async (size) => {
  const objects: RawObject[] = [];
  const bytes = Buffer.from(`${A} commit 10\n0123456789\n${B} commit 5\nabcde\n${A} commit 2\nxy\n`);
  for await (const object of splitObjects(inPieces(bytes, size), 4, 3)) objects.push(object);
  expect(objects.map(({ content: { begin, end, left_out } }) => [String(begin), String(end), left_out])).toEqual([
    ['0123', '789', 3],
    ['abcd', 'e', 0],
    ['xy', '', 0],
  ]);
});

it.each([`${A} missing\n`, `${A} commit 10\nabc`, `${A} commit`, 'x'.repeat(5000)])('refuses %j', async (output) => {
  await expect(split(output, 100)).rejects.toMatchObject({ code: 'git/failed', reason: 'damaged' });
});
