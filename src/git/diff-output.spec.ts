import { DiffReader, type Diff, type DiffLimits } from './diff-output.js';

const ROOMY: DiffLimits = { files: 100, file_bytes: 10_000, total_bytes: 100_000 };
const SOME = 'a'.repeat(40);

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What git writes; in Latin-1, so that each byte can be said. */
async function read(
  output: string,
  { pieces = 7, ...limits }: Partial<DiffLimits> & { pieces?: number } = {},
): Promise<Diff & { enough: boolean }> {
  const reader = new DiffReader(inPieces(Buffer.from(output, 'latin1'), pieces), { ...ROOMY, ...limits });
  await reader.readFiles();
  const enough = await reader.readPatches();
  return { ...reader.result(enough), enough };
}

const raw = (status: string, ...paths: string[]): string => rawOf('100644 100644', status, ...paths);
const rawOf = (modes: string, status: string, ...paths: string[]): string =>
  `:${modes} ${SOME} ${SOME} ${status}\0${paths.map((path) => `${path}\0`).join('')}`;
const counts = (added: string, deleted: string, ...paths: string[]): string =>
  `${added}\t${deleted}\t${paths.length > 1 ? '\0' : ''}${paths.join('\0')}\0`;
const section = (name: string, ...lines: string[]): string =>
  [`diff --git a/${name} b/${name}`, ...lines].map((line) => `${line}\n`).join('');

const ONE = raw('M', 'one') + counts('1', '2', 'one') + '\0' + section('one', '@@ -1,2 +1 @@', '-a', '-b', '+c');

describe('a diff', () => {
  it.each([1, 2, 3, 64, 100_000])('is the same however its output comes, in pieces of %i bytes', async (pieces) => {
    const output =
      raw('M', 'one') +
      rawOf('100644 100755', 'R085', 'old\tname', 'new"name\n') +
      rawOf('000000 100644', 'A', 'empty') +
      counts('1', '2', 'one') +
      counts('0', '0', 'old\tname', 'new"name\n') +
      counts('0', '0', 'empty') +
      '\0' +
      section('one', '@@ -1,2 +1 @@', '-a', '-b', '+diff --git a/x b/x', '\\ No newline at end of file') +
      'diff --git "a/old\\tname" "b/new\\"name\\n"\nold mode 100644\nnew mode 100755\nsimilarity index 85%\n' +
      section('empty', 'new file mode 100644');
    expect(await read(output, { pieces })).toEqual({
      enough: false,
      files_changed: 3,
      additions: 1,
      deletions: 2,
      truncated: false,
      files: [
        {
          path: 'one',
          previous_path: null,
          status: 'modified',
          mode: '100644',
          previous_mode: '100644',
          additions: 1,
          deletions: 2,
          binary: false,
          patch: section('one', '@@ -1,2 +1 @@', '-a', '-b', '+diff --git a/x b/x', '\\ No newline at end of file'),
          truncated: false,
        },
        {
          path: 'new"name\n',
          previous_path: 'old\tname',
          status: 'renamed',
          mode: '100755',
          previous_mode: '100644',
          additions: 0,
          deletions: 0,
          binary: false,
          patch: expect.stringContaining('similarity index 85%\n'),
          truncated: false,
        },
        {
          path: 'empty',
          previous_path: null,
          status: 'added',
          mode: '100644',
          previous_mode: null,
          additions: 0,
          deletions: 0,
          binary: false,
          patch: 'diff --git a/empty b/empty\nnew file mode 100644\n',
          truncated: false,
        },
      ],
    });
  });

  it('of nothing is empty', async () => {
    expect(await read('')).toEqual({
      enough: false,
      files_changed: 0,
      additions: 0,
      deletions: 0,
      truncated: false,
      files: [],
    });
  });

  it('tells of what is no text without a patch, renamed or not', async () => {
    const output =
      raw('M', 'image') +
      raw('R100', 'a.png', 'b.png') +
      counts('-', '-', 'image') +
      counts('-', '-', 'a.png', 'b.png') +
      '\0' +
      section('image', 'Binary files a/image and b/image differ') +
      'diff --git a/a.png b/b.png\nsimilarity index 100%\n';
    const { files, truncated, additions } = await read(output);
    const binary = { binary: true, patch: null, additions: null, deletions: null, truncated: false };
    expect(files).toMatchObject([binary, { ...binary, previous_path: 'a.png' }]);
    expect([truncated, additions]).toEqual([false, 0]);
  });

  it('shows a file of another type as one that goes and one that comes', async () => {
    const output =
      rawOf('120000 100644', 'T', 'link') +
      raw('M', 'one') +
      counts('1', '1', 'link') +
      counts('1', '0', 'one') +
      '\0' +
      section('link', 'deleted file mode 120000', '-target') +
      section('link', 'new file mode 100644', '+text') +
      section('one', '+a');
    const { files } = await read(output);
    expect(files).toMatchObject([
      { status: 'type_changed', previous_mode: '120000', mode: '100644' },
      { path: 'one', patch: section('one', '+a') },
    ]);
    expect(files[0]?.patch?.match(/^diff --git/gm)).toHaveLength(2);
  });

  it('has replacement characters for bytes of lines that are no text, and codes for those of paths', async () => {
    const output =
      raw('M', 'n\xe9m') + counts('1', '0', 'n\xe9m') + '\0' + section('n\xe9m', '+\xff \xe9\x9b\x85 \xed\xa0\x80');
    const [file] = (await read(output)).files;
    expect(file?.path).toBe('n\\xe9m');
    expect(file?.patch).toContain('+\ufffd 雅 \ufffd\ufffd\ufffd\n');
  });

  it('is refused when its files and patches are not the same', async () => {
    const output = raw('M', 'silent') + raw('M', 'one') + counts('1', '0', 'one') + '\0' + section('one', '+a');
    await expect(read(output)).rejects.toMatchObject({ reason: 'damaged' });
  });
});

describe('a diff that is too long', () => {
  const many = (files: number, lines: number): string => {
    const names = Array.from({ length: files }, (_, at) => `f${String(at)}`);
    return [
      ...names.map((name) => raw('M', name)),
      ...names.map((name) => counts(String(lines), '0', name)),
      '\0',
      ...names.map((name) => section(name, ...Array.from({ length: lines }, () => '+0123456789'))),
    ].join('');
  };

  it('lists the first files, counts all, and wants no more of git', async () => {
    const diff = await read(many(5, 2), { files: 2 });
    expect(diff).toMatchObject({ enough: true, files_changed: 5, additions: 10, truncated: true });
    expect(diff.files.map(({ path, truncated }) => [path, truncated])).toEqual([
      ['f0', false],
      ['f1', false],
    ]);
  });

  it('is cut at the end of a line in each file', async () => {
    const { files, truncated, enough } = await read(many(2, 10), { file_bytes: 60 });
    expect(files.map((file) => [file.patch?.length, file.patch?.at(-1), file.truncated])).toEqual([
      [57, '\n', true],
      [57, '\n', true],
    ]);
    expect([truncated, enough]).toEqual([true, false]);
  });

  it('is over when there is no room at all, and says so of each file', async () => {
    const { files, enough } = await read(many(3, 2), { total_bytes: 60 });
    expect(enough).toBe(true);
    expect(files.map((file) => [file.patch?.length, file.truncated])).toEqual([
      [45, false],
      [undefined, true],
      [undefined, true],
    ]);
  });

  it('passes over a line that has no end', async () => {
    const output =
      raw('M', 'one') +
      raw('M', 'two') +
      counts('1', '0', 'one') +
      counts('1', '0', 'two') +
      '\0' +
      section('one', `+${'x'.repeat(200_000)}`, '+after') +
      section('two', '+a');
    const { files } = await read(output, { file_bytes: 1_000_000, total_bytes: 2_000_000, pieces: 5000 });
    expect(files.map(({ patch, truncated }) => [patch, truncated])).toEqual([
      [section('one'), true],
      [section('two', '+a'), false],
    ]);
  });

  it('does not take a path that no system has', async () => {
    await expect(read(raw('A', 'x'.repeat(5000)))).rejects.toMatchObject({ reason: 'too_large' });
  });
});

describe('output that git did not write to its end', () => {
  it('is an error within its lists, wherever it stops', async () => {
    for (let length = ONE.indexOf('diff') - 1; length > 0; length -= 1) {
      await expect(read(ONE.slice(0, length))).rejects.toMatchObject({ reason: 'damaged' });
    }
  });

  it('leaves a patch that says so', async () => {
    const reader = new DiffReader(inPieces(Buffer.from(ONE.slice(0, -6)), 5), ROOMY);
    await reader.readFiles();
    expect(await reader.readPatches()).toBe(false);
    const { files, truncated } = reader.result(true);
    expect(truncated).toBe(true);
    expect(files).toMatchObject([{ truncated: true, patch: expect.stringMatching(/@@\n-a\n$/) }]);
  });

  it.each([
    ['a patch of a file that is not in the list', ONE.replace('a/one b/one', 'a/two b/two')],
    ['lines of no file', ONE.replace(/diff --git.*\n/, '')],
    ['a status that there is not', ONE.replace(' M\0', ' X\0')],
    ['counts that are none', ONE.replace('1\t2\t', 'x\ty\t')],
    ['something else', 'fatal: no\0'],
  ])('is an error with %s', async (_, output) => {
    await expect(read(output)).rejects.toMatchObject({ code: 'git/failed', reason: 'damaged' });
  });
});
