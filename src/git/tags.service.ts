import { Injectable } from '@nestjs/common';
import { personName } from './commit-object.js';
import { claimedSecond, instantOf } from './commit-time.js';
import { GitProcess } from './git-process.js';
import { GitFailed } from './git.errors.js';
import { exactPattern } from './exact-refs.js';
import { isRefName, refNameOf } from './ref-name.js';
import { RememberedRefs } from './remembered-refs.js';

/** A tag of a mirror. */
export interface Tag {
  /** Without `refs/tags/`. */
  name: string;
  /** The commit it leads to, through other tags if need be; null for the tag of a tree or a file. */
  commit_sha: string | null;
  /** When it was made, else when its commit was; null when neither tells. */
  at: Date | null;
  /** Who made it; null for a lightweight one, which does not tell. */
  tagger: string | null;
}

interface Listed extends Tag {
  sha: string;
  /** Whether it is the tag of another tag, which this listing looks behind no further. */
  nested: boolean;
}

const MAX_BYTES = 128 * 1024 * 1024;
const MAX_TAGGER = 255;
const PREFIX = 'refs/tags/';
const FIELDS = [
  'objectname',
  'objecttype',
  '*objectname',
  '*objecttype',
  'creatordate:unix',
  '*committerdate:unix',
  'taggername',
  'refname',
] as const;
const FORMAT = FIELDS.map((field) => `%(${field})`).join('%00');

/** Tags of a mirror. Every failure of git is an error; a repository without tags has none. */
@Injectable()
export class TagsService {
  private readonly remembered = new RememberedRefs<readonly Tag[]>(({ length }) => length);

  constructor(private readonly git: GitProcess) {}

  /** All of them, in no order; the same array as long as nothing has changed. */
  list(directory: string, signal?: AbortSignal): Promise<readonly Tag[]> {
    return this.remembered.read(directory, () => this.read(directory, PREFIX, signal));
  }

  /** The one of this name, as it is shown; null when there is none. */
  async find(directory: string, name: string, signal?: AbortSignal): Promise<Tag | null> {
    if (!isRefName(`${PREFIX}${name}`)) return null;
    const found = await this.read(directory, exactPattern(`${PREFIX}${name}`), signal);
    return found.find((tag) => tag.name === name) ?? null;
  }

  /** Nothing in a name is ever read as anything but a name. */
  private async read(directory: string, pattern: string, signal?: AbortSignal): Promise<Tag[]> {
    const args = ['for-each-ref', `--format=${FORMAT}`, '--', pattern];
    const child = await this.git.start({ directory, args, signal });
    child.process.stdin.end();
    const chunks: Buffer[] = [];
    let size = 0;
    child.process.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BYTES) child.stop('too_large');
      else chunks.push(chunk);
    });
    const end = await child.ended;
    this.git.assertDone(end, 'for-each-ref');
    // Git leaves out what it cannot read and calls that a success.
    if (/ignoring (broken|dangling)/.test(end.stderr)) throw new GitFailed('damaged');
    const tags = [...linesOf(Buffer.concat(chunks))].map(tagOf);
    await this.lookBehind(directory, tags, signal);
    return tags.map(({ name, commit_sha, at, tagger }) => ({ name, commit_sha, at, tagger }));
  }

  /** Whether the id is that of a commit of the mirror. */
  async isCommit(directory: string, sha: string, signal?: AbortSignal): Promise<boolean> {
    return (await this.typesOf(directory, [sha], signal))[0]?.type === 'commit';
  }

  private async lookBehind(directory: string, tags: readonly Listed[], signal?: AbortSignal): Promise<void> {
    const nested = tags.filter((tag) => tag.nested);
    if (nested.length === 0) return;
    const names = nested.map(({ sha }) => `${sha}^{}`);
    const found = await this.typesOf(directory, names, signal);
    nested.forEach((tag, at) => {
      const object = found[at];
      if (object === undefined || object.type === 'missing') throw new GitFailed('damaged');
      tag.commit_sha = object.type === 'commit' ? object.sha : null;
    });
  }

  /** Ids and types of objects, `missing` for what is not there. The names are ids, with what git makes of them. */
  private async typesOf(
    directory: string,
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ sha: string; type: string }[]> {
    const output = await this.git.run({
      directory,
      args: ['cat-file', '--batch-check=%(objectname) %(objecttype)'],
      input: names.map((name) => `${name}\n`).join(''),
      max_bytes: MAX_BYTES,
      signal,
    });
    const lines = output.toString('latin1').split('\n').filter(Boolean);
    return lines.map((line) => {
      const [sha = '', type = ''] = line.split(' ');
      return { sha, type };
    });
  }
}

function* linesOf(output: Buffer): Generator<Buffer> {
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(0x0a, at);
    yield output.subarray(at, end < 0 ? output.length : end);
    at = end < 0 ? output.length : end + 1;
  }
}

function tagOf(line: Buffer): Listed {
  const parts: Buffer[] = [];
  let rest = line;
  // The name comes last and may hold anything but NUL and line feeds.
  for (let field = 1; field < FIELDS.length; field++) {
    const end = rest.indexOf(0);
    if (end < 0) throw new GitFailed('damaged');
    parts.push(rest.subarray(0, end));
    rest = rest.subarray(end + 1);
  }
  const [sha = '', type = '', target = '', targetType = '', made = '', committed = ''] = parts.map((part) =>
    part.toString('latin1'),
  );
  const at = made || committed;
  const commit = [
    [type, sha],
    [targetType, target],
  ].find(([kind]) => kind === 'commit')?.[1];
  return {
    name: refNameOf(rest.subarray(PREFIX.length)),
    commit_sha: commit ?? null,
    at: at === '' ? null : instantOf(claimedSecond(at)),
    tagger: type === 'tag' ? taggerOf(parts[6]) : null,
    sha,
    nested: targetType === 'tag',
  };
}

const taggerOf = (bytes: Buffer | undefined): string | null => (bytes && personName(bytes, MAX_TAGGER)) || null;
