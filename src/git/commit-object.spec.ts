import { parseCommit } from './commit-object.js';

const SHA = 'a'.repeat(40);
const object = (headers: string[], message: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`${headers.join('\n')}\n\n`, 'latin1'), Buffer.from(message as string)]);

const HEADERS = [
  `tree ${'b'.repeat(40)}`,
  `parent ${'c'.repeat(40)}`,
  `parent ${'d'.repeat(40)}`,
  'author Ada Lovelace <ada@example.com> 1700000000 +0900',
  'committer Bob <bob@example.com> 1700000060 -0500',
];

it('reads people, instants without regard to their offset, and parents', () => {
  expect(parseCommit(SHA, object(HEADERS, 'feat: x\n'))).toEqual({
    sha: SHA,
    parents: ['c'.repeat(40), 'd'.repeat(40)],
    author_name: 'Ada Lovelace',
    author_email: 'ada@example.com',
    authored_at: new Date(1_700_000_000_000),
    committer_name: 'Bob',
    committer_email: 'bob@example.com',
    committed_at: new Date(1_700_000_060_000),
    message: 'feat: x\n',
  });
});

it('skips signatures, whatever is in them', () => {
  const signed = [...HEADERS, 'gpgsig -----BEGIN', ' author Eve <eve@example.com> 1 +0000', ' -----END'];
  expect(parseCommit(SHA, object(signed, 'm')).author_name).toBe('Ada Lovelace');
});

it('decodes the encoding the commit names, and UTF-8 for one that nobody knows', () => {
  expect(
    parseCommit(SHA, object([...HEADERS, 'encoding ISO-8859-1'], Buffer.from('caf\u00e9', 'latin1'))).message,
  ).toBe('café');
  expect(parseCommit(SHA, object([...HEADERS, 'encoding Shift_JIS'], Buffer.from([0x8e, 0xe8]))).message).toBe('手');
  expect(parseCommit(SHA, object([...HEADERS, 'encoding x-klingon'], 'é')).message).toBe('é');
});

it('replaces bytes that are no text, and keeps NUL and every strange character', () => {
  expect(parseCommit(SHA, object(HEADERS, Buffer.from([0x61, 0xff, 0x62]))).message).toBe('a\ufffdb');
  expect(parseCommit(SHA, object(HEADERS, 'a\0b\t"<script>$(x)')).message).toBe('a\0b\t"<script>$(x)');
});

it('leaves out a character that was cut off at the end', () => {
  expect(parseCommit(SHA, object(HEADERS, Buffer.from('雅').subarray(0, 2))).message).toBe('');
});

it.each([
  ['author <> 5 +0000', '', '', 5],
  ['author Eve <eve@x> > 7 +0000', 'Eve', 'eve@x', 7],
  ['author no mail at all', '', '', 0],
  ['author A <a@b> 99999999999999 +0000', 'A', 'a@b', 8_640_000_000_000],
])('bears with %j', (line, name, email, seconds) => {
  const commit = parseCommit(SHA, object([line], ''));
  expect(commit).toMatchObject({ author_name: name, author_email: email });
  expect(commit.authored_at.getTime()).toBe(seconds * 1000);
});

it.each([
  ['author <> 5 +0000 <> 6 +0000', '', '', 6],
  ['author A <<a@b> 7', 'A <', 'a@b', 7],
  ['author A <a@b> 8 +0000   ', 'A', 'a@b', 8],
  ['author A <a@b> 9+0000', 'A', 'a@b', 0],
  [`author ${'a'.repeat(5000)} <a@b> 10 +0000`, 'a'.repeat(1000), 'a@b', 10],
])('reads %j as far as it goes', (line, name, email, seconds) => {
  const commit = parseCommit(SHA, object([line], ''));
  expect(commit).toMatchObject({ author_name: name, author_email: email });
  expect(commit.authored_at.getTime()).toBe(seconds * 1000);
});

it.each([
  ['brackets', `a ${'<> '.repeat(1_400_000)}x`],
  ['open brackets', '<'.repeat(4_000_000)],
  ['numbers', `<>${' 1'.repeat(2_000_000)} x`],
  ['blanks', `<> 1${' '.repeat(4_000_000)}x`],
])('comes to an end with millions of %s', (_, line) => {
  // A pattern that takes the square of their number would be at it for hours.
  expect(parseCommit(SHA, object([`author ${line}`, `committer ${line}`], '')).parents).toEqual([]);
});

it('bears with content that is no commit', () => {
  expect(parseCommit(SHA, Buffer.alloc(0))).toMatchObject({ message: '', parents: [] });
});
