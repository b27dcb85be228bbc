import { ByteSource, type Ends } from './byte-source.js';
import { GitFailed } from './git.errors.js';

/** An object as `git cat-file --batch` gives it. */
export interface RawObject {
  sha: string;
  type: string;
  content: Ends;
}

const LINE_FEED = 0x0a;
const MAX_HEADER = 4096;

/**
 * Splits the output of `git cat-file --batch`. Every object comes with its length, so nothing inside one can be
 * taken for the end of it. Throws GitFailed `damaged` for an object that is missing or an output that stops short.
 */
export async function* splitObjects(
  chunks: AsyncIterable<Buffer>,
  keep: number,
  keep_end = 0,
): AsyncGenerator<RawObject> {
  const source = new ByteSource(chunks);
  for (let line = await source.until(LINE_FEED, MAX_HEADER); line; line = await source.until(LINE_FEED, MAX_HEADER)) {
    const [, sha, type, size] = /^([0-9a-f]{40}) (\w+) (\d+)$/.exec(line.bytes.toString('latin1')) ?? [];
    if (!line.whole || sha === undefined || type === undefined || size === undefined) throw new GitFailed('damaged');
    const content = await source.take(Number(size), keep, keep_end);
    // A line feed follows the content.
    if (content === null || (await source.take(1, 0)) === null) throw new GitFailed('damaged');
    yield { sha, type, content };
  }
}
