import { KEPT_OF_A_COMMIT, parseCommit, type CommitObject } from './commit-object.js';
import { factsOf } from './commit-facts.js';

const SHA = 'a'.repeat(40);
const object = (headers: string[], message: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`${headers.join('\n')}\n\n`, 'latin1'), Buffer.from(message as string)]);

/** As it comes from git, of which the middle of what is large is left out. */
function parse(bytes: Buffer): CommitObject {
  const begin = bytes.subarray(0, KEPT_OF_A_COMMIT.begin);
  const end = bytes.subarray(begin.length).subarray(-KEPT_OF_A_COMMIT.end);
  return parseCommit(SHA, { begin, end, left_out: bytes.length - begin.length - end.length });
}

const HEADERS = [
  `tree ${'b'.repeat(40)}`,
  `parent ${'c'.repeat(40)}`,
  `parent ${'d'.repeat(40)}`,
  'author Ada Lovelace <ada@example.com> 1700000000 +0900',
  'committer Bob <bob@example.com> 1700000060 -0500',
];

it('reads people, instants without regard to their offset, and parents', () => {
  expect(parse(object(HEADERS, 'feat: x\n'))).toEqual({
    sha: SHA,
    parents: ['c'.repeat(40), 'd'.repeat(40)],
    author_name: 'Ada Lovelace',
    author_email: 'ada@example.com',
    authored_at: new Date(1_700_000_000_000),
    committer_name: 'Bob',
    committer_email: 'bob@example.com',
    committed_at: new Date(1_700_000_060_000),
    message: 'feat: x\n',
    truncated: false,
  });
});

it('tells bytes of people that are no text, each as another one', () => {
  const people = [
    'Bad\xff <b\xfe@x> 1 +0000',
    'Bad\xfe <b\xff@x> 1 +0000',
    'Bad\\xff <b\\x5c@x> 1 +0000',
    'a\\b <\\xg@x> 1 +0000',
  ];
  const told = people.map((line) => parse(object([`author ${line}`], '')));
  expect(told.map(({ author_name, author_email }) => [author_name, author_email])).toEqual([
    ['Bad\\xff', 'b\\xfe@x'],
    ['Bad\\xfe', 'b\\xff@x'],
    ['Bad\\x5cxff', 'b\\x5cx5c@x'],
    ['a\\b', '\\xg@x'],
  ]);
});

it('tells the bytes of people that are no text in the encoding that the commit names', () => {
  const line = (name: string) => parse(object([`author ${name} <a@b> 1 +0000`, 'encoding Shift_JIS'], '')).author_name;
  expect(line('\x8e\xe8')).toBe('手');
  expect(line('\x8e')).toBe('\\x8e');
});

it('reads all of thousands of parents and who is behind them, and says when it tells no more of them', () => {
  const parents = Array.from({ length: 5000 }, (_, at) => `parent ${String(at).padStart(40, '0')}`);
  const some = parse(object([...parents.slice(0, 4000), ...HEADERS.slice(3)], 'm'));
  expect(some).toMatchObject({ author_name: 'Ada Lovelace', message: 'm', truncated: false });
  expect(some.parents).toHaveLength(4000);
  const all = parse(object([...parents, ...HEADERS.slice(3)], 'm'));
  expect(all).toMatchObject({ author_name: 'Ada Lovelace', message: 'm', truncated: true });
  expect(all.parents.at(-1)).toBe(String(4095).padStart(40, '0'));
});

it.each([80_000, 6_000_000])('tells beginning and end of a message of %i bytes, and what is between', (size) => {
  const words = 'word '.repeat(size / 5);
  const message = `feat: x\n\n${words}\n\nIssue: #42\nAgent-Type: review\n`;
  const commit = parse(object(HEADERS, message));
  expect(commit.truncated).toBe(true);
  expect(commit.message.length).toBeLessThan(66_000);
  const [, missing] =
    /\n\n\[\.\.\. (\d+) bytes of this message are left out here \.\.\.\]\n\n/.exec(commit.message) ?? [];
  const mark = `\n\n[... ${String(missing)} bytes of this message are left out here ...]\n\n`;
  expect(commit.message.length - mark.length + Number(missing)).toBe(message.length);
  expect(factsOf(commit.message)).toMatchObject({ subject: 'feat: x', issue_number: 42, agent_type: 'review' });
});

it('tells all of a message of 64 KiB', () => {
  expect(parse(object(HEADERS, 'a'.repeat(65_536)))).toMatchObject({ message: 'a'.repeat(65_536), truncated: false });
});

it('skips signatures, whatever is in them', () => {
  const signed = [...HEADERS, 'gpgsig -----BEGIN', ' author Eve <eve@example.com> 1 +0000', ' -----END'];
  expect(parse(object(signed, 'm')).author_name).toBe('Ada Lovelace');
});

it('decodes the encoding the commit names, and UTF-8 for one that nobody knows', () => {
  expect(parse(object([...HEADERS, 'encoding ISO-8859-1'], Buffer.from('caf\u00e9', 'latin1'))).message).toBe('café');
  expect(parse(object([...HEADERS, 'encoding Shift_JIS'], Buffer.from([0x8e, 0xe8]))).message).toBe('手');
  expect(parse(object([...HEADERS, 'encoding x-klingon'], 'é')).message).toBe('é');
});

it('replaces bytes that are no text, and keeps NUL and every strange character', () => {
  expect(parse(object(HEADERS, Buffer.from([0x61, 0xff, 0x62]))).message).toBe('a\ufffdb');
  expect(parse(object(HEADERS, 'a\0b\t"<script>$(x)')).message).toBe('a\0b\t"<script>$(x)');
});

it('leaves out a character that was cut off at the end', () => {
  expect(parse(object(HEADERS, Buffer.from('雅').subarray(0, 2))).message).toBe('');
});

it.each([
  ['author <> 5 +0000', '', '', 5],
  ['author Eve <eve@x> > 7 +0000', 'Eve', 'eve@x', 7],
  ['author no mail at all', '', '', 0],
  ['author A <a@b> 253402300799 +0000', 'A', 'a@b', 253_402_300_799],
  ['author A <a@b> 99999999999999 +0000', 'A', 'a@b', 253_402_300_799],
  ['author A <a@b> 18446744073709551614 +0000', 'A', 'a@b', 0],
  ['author A <a@b> 99999999999999999999999999 +0000', 'A', 'a@b', 0],
  ['author A <a@b> -5 +0000', 'A', 'a@b', 0],
])('bears with %j', (line, name, email, seconds) => {
  const commit = parse(object([line], ''));
  expect(commit).toMatchObject({ author_name: name, author_email: email });
  expect(commit.authored_at.getTime()).toBe(seconds * 1000);
});

it.each([
  ['author <> 5 +0000 <> 6 +0000', '', '', 6],
  ['author A <<a@b> 7', 'A <', 'a@b', 7],
  ['author A <a@b> 8 +0000   ', 'A', 'a@b', 8],
  ['author A <a@b> 9+0000', 'A', 'a@b', 9],
  [`author ${'a'.repeat(1000)} <a@b> 10 +0000`, 'a'.repeat(1000), 'a@b', 10],
  [`author ${'a'.repeat(1001)} <a@b> 10 +0000`, `${'a'.repeat(999)}…`, 'a@b', 10],
  [`author ${' '.repeat(9000)}Ada <a@b> 10 +0000`, 'Ada', 'a@b', 10],
])('reads %j as far as it goes', (line, name, email, seconds) => {
  const commit = parse(object([line], ''));
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
  expect(parse(object([`author ${line}`, `committer ${line}`], '')).parents).toEqual([]);
});

it('bears with content that is no commit', () => {
  expect(parse(Buffer.alloc(0))).toMatchObject({ message: '', parents: [] });
});
