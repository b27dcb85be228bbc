import { GitFailed } from './git.errors.js';

/** An object as `git cat-file --batch` gives it. */
export interface RawObject {
  sha: string;
  type: string;
  /** At most `keep` bytes from its beginning. */
  content: Buffer;
}

const LINE_FEED = 0x0a;
const MAX_HEADER = 4096;

/**
 * Splits the output of `git cat-file --batch`. Every object comes with its length, so nothing inside one can be
 * taken for the end of it. Throws GitFailed `damaged` for an object that is missing or an output that stops short.
 */
export async function* splitObjects(chunks: AsyncIterable<Buffer>, keep: number): AsyncGenerator<RawObject> {
  const source = new ByteSource(chunks);
  for (let header = await source.line(); header !== null; header = await source.line()) {
    const [, sha, type, size] = /^([0-9a-f]{40}) (\w+) (\d+)$/.exec(header) ?? [];
    if (sha === undefined || type === undefined || size === undefined) throw new GitFailed('damaged');
    const content = await source.take(Number(size), keep);
    await source.take(1, 0);
    yield { sha, type, content };
  }
}

/** Bytes that come in chunks, read by line or by count. */
class ByteSource {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next line without its end; null when there is nothing more. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.rest.indexOf(LINE_FEED);
      if (end >= 0) {
        const line = this.rest.toString('latin1', 0, end);
        this.rest = this.rest.subarray(end + 1);
        return line;
      }
      if (this.rest.length > MAX_HEADER) throw new GitFailed('damaged');
      if (!(await this.more())) {
        if (this.rest.length > 0) throw new GitFailed('damaged');
        return null;
      }
    }
  }

  /** The first `keep` of the next `count` bytes; the others are dropped as they come. */
  async take(count: number, keep: number): Promise<Buffer> {
    const kept: Buffer[] = [];
    let left = count;
    let wanted = Math.min(count, keep);
    while (left > 0) {
      if (this.rest.length === 0 && !(await this.more())) throw new GitFailed('damaged');
      const part = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(part.length);
      left -= part.length;
      if (wanted > 0) kept.push(part.subarray(0, wanted));
      wanted -= Math.min(wanted, part.length);
    }
    return Buffer.concat(kept);
  }

  private async more(): Promise<boolean> {
    const { value, done } = (await this.chunks.next()) as IteratorResult<Buffer, undefined>;
    if (done || value === undefined) return false;
    this.rest = this.rest.length === 0 ? value : Buffer.concat([this.rest, value]);
    return true;
  }
}
