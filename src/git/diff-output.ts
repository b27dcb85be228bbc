import { ByteSource } from './byte-source.js';
import { GitFailed } from './git.errors.js';
import { shownBytes } from './shown-bytes.js';

export const FILE_CHANGES = ['added', 'modified', 'deleted', 'renamed', 'copied', 'type_changed'] as const;

export type FileChange = (typeof FILE_CHANGES)[number];

/** How one file differs between two commits. */
export interface FileDiff {
  path: string;
  /** Where it was before, when it was renamed or copied. */
  previous_path: string | null;
  status: FileChange;
  /** As git writes it: `100755`; null when it is not there any more. */
  mode: string | null;
  previous_mode: string | null;
  /** Null when it is not read as text. */
  additions: number | null;
  deletions: number | null;
  binary: boolean;
  /** Null when it is not read as text, or when nothing of it had room. */
  patch: string | null;
  /** Whether lines are missing from the patch. */
  truncated: boolean;
}

/** How two commits differ. */
export interface Diff {
  files_changed: number;
  additions: number;
  deletions: number;
  /** Whether files are missing from the list, or lines from their patches. */
  truncated: boolean;
  files: FileDiff[];
}

/** How much of a diff is kept. */
export interface DiffLimits {
  /** Files in the list; those behind are counted. */
  files: number;
  file_bytes: number;
  total_bytes: number;
}

const NUL = 0x00;
const LINE_FEED = 0x0a;
const COLON = 0x3a;
// No system that checks out could have a longer path.
const MOST_FIELD = 4096;
// Room for two paths with each byte escaped.
const MOST_LINE = 64 * 1024;

const CHANGES: Readonly<Record<string, FileChange>> = {
  A: 'added',
  M: 'modified',
  D: 'deleted',
  R: 'renamed',
  C: 'copied',
  T: 'type_changed',
};

interface Draft extends Omit<FileDiff, 'path' | 'previous_path' | 'patch'> {
  path: Buffer;
  previous_path: Buffer | null;
  patch: Buffer[];
  size: number;
  /** Nobody has asked for it. */
  left_out: boolean;
  /** Sections of the patch still to come: a file of another type is one that goes and one that comes. */
  sections: number;
}

/**
 * Reads what `git diff-tree -r -z --raw --numstat -p` writes: the files, how many lines of each, and their patches. As
 * the patches come last, whoever has enough of them ends git early.
 */
export class DiffReader {
  private readonly source: ByteSource;
  private readonly drafts: Draft[] = [];
  private current: Draft | null = null;
  private count = 0;
  private counted = 0;
  private additions = 0;
  private deletions = 0;
  /** Bytes of patches that there is room for; below zero when a line had none. */
  private room: number;

  constructor(
    chunks: AsyncIterable<Buffer>,
    private readonly limits: DiffLimits,
    /** Git may have looked for more than is wanted. */
    private readonly isWanted: ((path: Buffer) => boolean) | null = null,
  ) {
    this.source = new ByteSource(chunks);
    this.room = limits.total_bytes;
  }

  /** Reads which files there are and how much of each has changed. Throws GitFailed for an output that stops short. */
  async readFiles(): Promise<void> {
    let field = await this.field();
    if (field === null) return;
    for (; field?.[0] === COLON; field = await this.field()) await this.readFile(field.toString('latin1'));
    // An empty field stands between the lists and the patches.
    for (; field !== null && field.length > 0; field = await this.field()) await this.readCounts(field);
    if (field === null) throw new GitFailed('damaged');
  }

  /** Reads patches until they end or there is no room for more; true says that nothing behind is wanted. */
  async readPatches(): Promise<boolean> {
    for (;;) {
      const line = await this.source.until(LINE_FEED, MOST_LINE);
      if (line === null) return false;
      // Within a patch each line begins with another sign.
      if (startsSection(line.bytes) && !this.beginSection(line.bytes)) return true;
      this.append(line.bytes, line.whole);
      if (this.room < 0) return true;
    }
  }

  /** What was read. `cut` says that git was ended before it had written everything. */
  result(cut: boolean): Diff {
    if (cut && this.current !== null && !this.current.binary) this.current.truncated = true;
    const files = this.drafts.filter(({ left_out }) => !left_out).map(fileOf);
    return {
      files_changed: this.count,
      additions: this.additions,
      deletions: this.deletions,
      truncated: this.count > files.length || files.some(({ truncated }) => truncated),
      files,
    };
  }

  private async readFile(facts: string): Promise<void> {
    const [, before = '', after = '', letter = ''] =
      /^:(\d{6}) (\d{6}) [0-9a-f]+ [0-9a-f]+ ([A-Z])\d*$/.exec(facts) ?? [];
    const status = CHANGES[letter];
    if (status === undefined) throw new GitFailed('damaged');
    const first = await this.path();
    const hasTwo = status === 'renamed' || status === 'copied';
    const path = hasTwo ? await this.path() : first;
    const left_out = this.isWanted?.(path) === false;
    if (!left_out) this.count += 1;
    if (this.drafts.length >= this.limits.files) return;
    this.drafts.push({
      path,
      previous_path: hasTwo ? first : null,
      status,
      mode: modeOf(after),
      previous_mode: modeOf(before),
      additions: 0,
      deletions: 0,
      binary: false,
      patch: [],
      size: 0,
      left_out,
      sections: status === 'type_changed' ? 2 : 1,
      truncated: false,
    });
  }

  /** `3 TAB 1 TAB path`; of two paths, an empty one and then both. A hyphen is the count of what is no text. */
  private async readCounts(field: Buffer): Promise<void> {
    const [, added = '', deleted = ''] = /^(\d+|-)\t(\d+|-)\t/.exec(field.toString('latin1')) ?? [];
    if (added === '') throw new GitFailed('damaged');
    const rest = field.subarray(added.length + deleted.length + 2);
    if (rest.length === 0) await this.path();
    const path = rest.length === 0 ? await this.path() : rest;
    const binary = added === '-';
    const isCounted = !binary && this.isWanted?.(path) !== false;
    this.additions += isCounted ? Number(added) : 0;
    this.deletions += isCounted ? Number(deleted) : 0;
    const draft = this.drafts[this.counted];
    // A file that is behind the end of the list, or one that is not counted.
    if (draft?.path.equals(path) !== true) return;
    this.counted += 1;
    Object.assign(
      draft,
      binary ? { binary, additions: null, deletions: null } : { additions: Number(added), deletions: Number(deleted) },
    );
  }

  private async path(): Promise<Buffer> {
    const field = await this.field();
    if (field === null) throw new GitFailed('damaged');
    return field;
  }

  private async field(): Promise<Buffer | null> {
    const field = await this.source.until(NUL, MOST_FIELD);
    if (field?.whole === false) throw new GitFailed(field.bytes.length < MOST_FIELD ? 'damaged' : 'too_large');
    return field && field.bytes;
  }

  /** Goes on to the file whose patch begins; false when it is behind the end of the list. */
  private beginSection(line: Buffer): boolean {
    const isSecond = this.current !== null && this.current.sections > 0;
    const draft = isSecond
      ? this.current
      : this.drafts[this.current === null ? 0 : this.drafts.indexOf(this.current) + 1];
    if (!draft) {
      // The file before is whole.
      this.current = null;
      return false;
    }
    // Each section is of the next file in the list: what says otherwise must not be shown under a wrong name.
    if (!line.equals(firstLineOf(draft))) throw new GitFailed('damaged');
    draft.sections -= 1;
    this.current = draft;
    return true;
  }

  private append(line: Buffer, whole: boolean): void {
    const draft = this.current;
    if (draft === null) throw new GitFailed('damaged');
    if (draft.left_out || draft.binary || draft.truncated) return;
    const size = line.length + 1;
    if (!whole || draft.size + size > this.limits.file_bytes) draft.truncated = true;
    else if (size > this.room) {
      draft.truncated = true;
      this.room = -1;
    } else {
      draft.patch.push(line, NEW_LINE);
      draft.size += size;
      this.room -= size;
    }
  }
}

const SECTION = Buffer.from('diff --git ');

const startsSection = (line: Buffer): boolean => line.subarray(0, SECTION.length).equals(SECTION);

const NEW_LINE = Buffer.from('\n');

const modeOf = (mode: string): string | null => (mode === '000000' ? null : mode);

function fileOf({ path, previous_path, patch, size, sections, truncated, left_out: _, ...facts }: Draft): FileDiff {
  return {
    ...facts,
    path: shownBytes(path),
    previous_path: previous_path && shownBytes(previous_path),
    // Bytes that are no text become replacement characters; no line, and so no character, is cut.
    patch: size === 0 ? null : Buffer.concat(patch).toString('utf8'),
    truncated: truncated || (sections > 0 && !facts.binary),
  };
}

function firstLineOf({ path, previous_path }: Draft): Buffer {
  return Buffer.from(`diff --git ${quoted('a/', previous_path ?? path)} ${quoted('b/', path)}`, 'latin1');
}

const ESCAPES: Readonly<Record<number, string>> = {
  7: 'a',
  8: 'b',
  9: 't',
  10: 'n',
  11: 'v',
  12: 'f',
  13: 'r',
  34: '"',
  92: '\\',
};

/** A path as git writes it in a patch with `core.quotePath` off, as Latin-1. */
function quoted(prefix: string, path: Buffer): string {
  let text = '';
  for (const byte of path) {
    const escape = ESCAPES[byte];
    if (escape !== undefined) text += `\\${escape}`;
    else if (byte < 0x20 || byte === 0x7f) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text.length === path.length ? prefix + text : `"${prefix}${text}"`;
}
