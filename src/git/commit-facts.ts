/** What a commit message tells beyond its words. */
export interface CommitFacts {
  /** The first paragraph on one line. */
  subject: string;
  /** What follows it. */
  body: string;
  agent_type: string | null;
  issue_number: number | null;
  level: 'info' | 'warn';
}

const MAX_ISSUE = 2 ** 31 - 1;
const AGENT_TYPE = /^[a-z0-9][a-z0-9-]{0,63}$/;
// The value is trimmed later: a run of blanks before `.*` would be tried in every split.
const TRAILER = /^([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:(.*)$/;
// https://www.conventionalcommits.org: type, optional scope, optional mark of a breaking change.
const CONVENTIONAL = /^([A-Za-z]+)(?:\([^()]*\))?(!)?:\s/;

/** Null says that the type is known and no agent's: words no longer count. */
const AGENT_OF_TYPE: Readonly<Record<string, string | null>> = {
  feat: 'codegen',
  fix: 'codegen',
  refactor: 'refresher',
  chore: 'refresher',
  docs: null,
  test: null,
  ci: null,
};

const AGENT_OF_WORDS: readonly (readonly [string, RegExp])[] = [
  ['deployment', /\b(re)?deploy(s|ed|ing|ment|ments)?\b|\broll(ed|s|ing)?[ -]?back\b/i],
];

/** Reads a message as `domain.md` says; a pure function of its text. */
export function factsOf(message: string): CommitFacts {
  const paragraphs = message
    .replaceAll('\r\n', '\n')
    .trim()
    .split(/\n[ \t]*\n/);
  const subject = (paragraphs[0] ?? '')
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
  const trailers = trailersOf(paragraphs);
  return {
    subject,
    body: paragraphs.slice(1).join('\n\n').trim(),
    agent_type: agentTypeOf(subject, trailers.get('agent-type')),
    issue_number: issueNumberOf(message, trailers.get('issue')),
    level: isAlarming(subject, trailers, message) ? 'warn' : 'info',
  };
}

/** Trailers by lower-case key; the last of several wins. They are lines of the last paragraph but the subject. */
function trailersOf(paragraphs: readonly string[]): ReadonlyMap<string, string> {
  const lines = paragraphs.length > 1 ? (paragraphs.at(-1) ?? '').split('\n') : [];
  return new Map(
    lines.flatMap((line) => {
      const [, key, value] = TRAILER.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key.toLowerCase(), value.trim()] as const];
    }),
  );
}

function agentTypeOf(subject: string, trailer: string | undefined): string | null {
  const named = trailer?.toLowerCase().replace(/-agent$/, '');
  if (named !== undefined && AGENT_TYPE.test(named)) return named;
  const type = CONVENTIONAL.exec(subject)?.[1]?.toLowerCase() ?? '';
  const known = Object.hasOwn(AGENT_OF_TYPE, type) ? AGENT_OF_TYPE[type] : undefined;
  if (known !== undefined) return known;
  return AGENT_OF_WORDS.find(([, words]) => words.test(subject))?.[0] ?? null;
}

function issueNumberOf(message: string, trailer: string | undefined): number | null {
  return (
    numberIn(/^(?:#|\S*\/issues\/|\S+#)?(\d+)$/, trailer ?? '') ??
    // Not inside a word, an HTML entity (&#123;) or a colour (#123abc).
    numberIn(/(?<![\w&#])#(\d+)(?!\w)/, message) ??
    numberIn(/(?<![A-Za-z0-9])issue-(\d+)(?!\w)/i, message)
  );
}

function numberIn(pattern: RegExp, text: string): number | null {
  const number = Number(pattern.exec(text)?.[1] ?? 0);
  return number >= 1 && number <= MAX_ISSUE ? number : null;
}

/** Reverts, hotfixes and breaking changes are what an operator looks for in a log. */
function isAlarming(subject: string, trailers: ReadonlyMap<string, string>, message: string): boolean {
  return (
    /^revert\b/i.test(subject) ||
    /\bhot-?fix\b/i.test(subject) ||
    CONVENTIONAL.exec(subject)?.[2] === '!' ||
    trailers.has('breaking-change') ||
    /^BREAKING CHANGE:/m.test(message)
  );
}
