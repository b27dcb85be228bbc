/** Every so many commits one comes from a branch of its own, which is merged. */
const MERGED_EVERY = 50;
const FILES = 200;
const SECONDS_APART = 30;
const BEGIN = 1_500_000_000;

/**
 * What `git fast-import` makes a history of: `count` commits, merges among them, of which each changes a file, by four
 * authors, for agents and issues; and some branches besides.
 */
export function* longHistory(count: number, branches: number): Generator<string> {
  let main = 0;
  for (let mark = 1; mark <= count; mark += 1) {
    const isSide = mark % MERGED_EVERY === 1 && mark > 1 && mark < count;
    const parents = mark % MERGED_EVERY === 2 && mark > 2 ? [main, mark - 1] : [main];
    const from = parents
      .filter((parent) => parent > 0)
      .map((parent, at) => `${at === 0 ? 'from' : 'merge'} :${String(parent)}\n`);
    yield [
      `commit refs/heads/${isSide ? 'side' : 'main'}\nmark :${String(mark)}\n`,
      `author Author ${String(mark % 4)} <a${String(mark % 4)}@example.com> ${String(BEGIN + mark * SECONDS_APART)} +0900\n`,
      `committer Committer <c@example.com> ${String(BEGIN + mark * SECONDS_APART)} -0500\n`,
      data(messageOf(mark)),
      ...from,
      `M 100644 inline d${String(mark % 20)}/f${String(mark % FILES)}\n`,
      data(`${String(mark)}\n`),
    ].join('');
    if (!isSide) main = mark;
  }
  for (let at = 1; at <= branches; at += 1)
    yield `reset refs/heads/b${String(at).padStart(4, '0')}\nfrom :${String(Math.ceil((at * count) / branches))}\n`;
}

/** The oldest commit is the only one of its kind. */
function messageOf(mark: number): string {
  const type = ['feat', 'fix', 'refactor', 'docs'][mark % 4] ?? '';
  const needle = mark === 1 ? ' the needle in the haystack' : '';
  return `${type}: change ${String(mark)}${needle}\n\nIssue: #${String(1 + (mark % 500))}\n`;
}

const data = (text: string): string => `data ${String(Buffer.byteLength(text))}\n${text}\n`;
