import type { GitProcess } from './git-process.js';
import { GitFailed } from './git.errors.js';
import { REFSPECS, transport, type FetchSource } from './mirror.js';
import { refNameOf } from './ref-name.js';

/** What is known of the default branch before a fetch. */
export interface KnownBranch {
  default_branch: string | null;
  /** Whether somebody chose it; else it is the source's. */
  default_branch_chosen: boolean;
}

/** A source that has been looked at, and what is to be said of it. */
export interface SurveyedSource {
  source: FetchSource;
  /** Null when it has no commits yet. */
  default_branch: string | null;
  /** What people should know of what they see; null when it is all there is. */
  notice: string | null;
}

interface Advertised {
  /** Where HEAD leads to; null when it is detached, or leads to nothing. */
  head_branch: string | null;
  head_sha: string | null;
  /** Branches by name. */
  branches: ReadonlyMap<string, string>;
}

const LINE_FEED = 0x0a;
const HEADS = 'refs/heads/';
const SYMBOLIC = /^ref: refs\/heads\/(.+)\tHEAD$/;
const REFERENCE = /^([0-9a-f]{40,64})\t(.+)$/;
const OWN = /^task(\/|$)/;
const DETACHED = 'detached-head';
const USUAL = ['main', 'master'];
// As many references as anybody has.
const MOST_BYTES = 128 * 1024 * 1024;
const HEAD_MS = 60 * 60_000;
const NAMED = 3;
const LONGEST_NAME = 100;

/**
 * Looks at the references of sources before they are fetched: the default branch is followed, and what is not in the
 * branches of a source, or cannot be shown, is told.
 */
export class SourceSurveys {
  private readonly lookedAt = new Map<string, number>();

  constructor(private readonly git: GitProcess) {}

  /**
   * `thorough` also looks at where HEAD is. That is done once an hour in any case, and whenever there is doubt: a host
   * tells it only with all references it has, pull requests among them, where branches alone are a short list. Throws
   * GitFailed, `own_names` when there is nothing but what cannot be shown.
   */
  async look(id: string, source: FetchSource, known: KnownBranch, thorough: boolean): Promise<SurveyedSource> {
    const isLocal = source.protocols.includes('file');
    const isDue = performance.now() - (this.lookedAt.get(id) ?? -Infinity) > HEAD_MS;
    if (!isLocal && !thorough && !isDue) {
      const advertised = await this.list(source, ['--heads', '--', source.address]);
      const { default_branch } = known;
      if (default_branch !== null && shownOf(advertised).includes(default_branch))
        return judge(source, { ...known, default_branch_chosen: true }, advertised);
    }
    const whole = await this.list(source, ['--symref', '--', source.address, 'HEAD', `${HEADS}*`]);
    this.lookedAt.set(id, performance.now());
    return judge(source, known, whole);
  }

  private async list(source: FetchSource, args: readonly string[]): Promise<Advertised> {
    return read(await this.git.run({ ...transport(source), args: ['ls-remote', ...args], max_bytes: MOST_BYTES }));
  }
}

const shownOf = ({ branches }: Advertised): string[] => [...branches.keys()].filter((name) => !OWN.test(name));

function judge(source: FetchSource, known: KnownBranch, advertised: Advertised): SurveyedSource {
  const { head_branch, head_sha, branches } = advertised;
  const shown = shownOf(advertised);
  const hidden = [...branches.keys()].filter((name) => OWN.test(name));
  const tips = shown.filter((name) => branches.get(name) === head_sha);
  // A HEAD that no branch is at, as in a checkout of CI, gets one here: all that is shown begins at branches.
  const isDetached = head_sha !== null && head_branch === null && tips.length === 0;
  const detached = isDetached && (shown.length === 0 || source.protocols.includes('file')) ? freeName(branches) : null;
  if (shown.length === 0 && detached === null && hidden.length > 0) throw new GitFailed('own_names');
  const followed =
    shown.find((name) => name === head_branch) ??
    firstOf([known.default_branch, ...USUAL], tips) ??
    tips[0] ??
    firstOf([known.default_branch, ...USUAL], shown) ??
    shown[0] ??
    detached;
  const default_branch = known.default_branch_chosen ? known.default_branch : followed;
  const isMissing = followed !== null && ![...shown, detached].includes(default_branch);
  const notices = [
    ...(isMissing ? [`Its default branch, ${short(default_branch ?? '')}, is not in the source.`] : []),
    ...(detached === null ? [] : [`No branch of the source is at its HEAD, which is shown as the branch ${detached}.`]),
    ...(hidden.length === 0 ? [] : [noticeOf(hidden)]),
  ];
  return {
    source: detached === null ? source : { ...source, refspecs: [...REFSPECS, `+HEAD:${HEADS}${detached}`] },
    default_branch,
    notice: notices.length === 0 ? null : notices.join(' '),
  };
}

function read(output: Buffer): Advertised {
  let [head_branch, head_sha]: [string | null, string | null] = [null, null];
  const branches = new Map<string, string>();
  for (let at = 0, end = output.indexOf(LINE_FEED); end >= 0; at = end + 1, end = output.indexOf(LINE_FEED, at)) {
    const line = refNameOf(output.subarray(at, end));
    head_branch ??= SYMBOLIC.exec(line)?.[1] ?? null;
    const [, sha, name] = REFERENCE.exec(line) ?? [];
    if (sha === undefined || name === undefined) continue;
    if (name === 'HEAD') head_sha = sha;
    // The patterns also match what ends with them.
    else if (name.startsWith(HEADS)) branches.set(name.slice(HEADS.length), sha);
  }
  return { head_branch, head_sha, branches };
}

const firstOf = (wanted: readonly (string | null)[], names: readonly string[]): string | undefined =>
  wanted.find((name) => name !== null && names.includes(name)) ?? undefined;

function freeName(branches: ReadonlyMap<string, string>): string {
  let name = DETACHED;
  // Git has no branch beside branches below it.
  const isTaken = (): boolean => [...branches.keys()].some((one) => one === name || one.startsWith(`${name}/`));
  for (let at = 2; isTaken(); at++) name = `${DETACHED}-${String(at)}`;
  return name;
}

function noticeOf(hidden: readonly string[]): string {
  const [be, name] =
    hidden.length === 1
      ? ['branch of the source is', 'its name begins']
      : ['branches of the source are', 'their names begin'];
  const more = hidden.length > NAMED ? ' and others' : '';
  return `${String(hidden.length)} ${be} not shown, because ${name} with task, which belongs to executions here: ${hidden.slice(0, NAMED).map(short).join(', ')}${more}.`;
}

const short = (name: string): string => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}...` : name);
