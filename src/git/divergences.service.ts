import { Injectable } from '@nestjs/common';
import { GitFailed } from './git.errors.js';
import { GitProcess } from './git-process.js';
import { endsOf } from './history-ends.js';
import { Partings, type Divergence } from './partings.js';
import { atMost, unlessAborted } from './patience.js';

export type { Divergence };

/** How far commits have parted from another one, as far as it is known. */
export interface Divergences {
  /** By their ids; null for what is not counted yet, or took too long. */
  found: Map<string, Divergence | null>;
  /** Whether the rest is being counted, so that it is worth asking again. */
  counting: boolean;
}

/** A walk that several may wait for. */
interface Walk {
  partings: Partings;
  done: Promise<Map<string, Divergence | null>>;
  waiting: number;
  /** Whether it goes on though nobody waits: what it finds is for who asks next. */
  goesOn: boolean;
  controller: AbortController;
}

/** Pairs of commits: some 10 MB. */
const MOST_REMEMBERED = 20_000;
/** What takes longer is given up. */
const WALK_MS = 60_000;
/** So many walks go on when nobody waits for them any longer. */
const MOST_BEHIND = 4;

/**
 * How far commits have parted from another one: from two commits that stays the same, so it is counted once, in one walk
 * for all that are asked for together. Who asks waits for a moment, and the walk goes on behind.
 */
@Injectable()
export class DivergencesService {
  private readonly remembered = new Map<string, Divergence | null>();
  private readonly walks = new Map<string, Walk>();

  constructor(private readonly git: GitProcess) {}

  /** Waits for no longer than `patience_ms`. Takes ids of commits of a mirror. Throws GitFailed. */
  async of(
    directory: string,
    base: string,
    shas: readonly string[],
    signal: AbortSignal,
    patience_ms: number,
  ): Promise<Divergences> {
    const place = [directory, await endsOf(directory), base].join('\0');
    const keyOf = (sha: string): string => `${place}\0${sha}`;
    const unknown = [...new Set(shas)].filter((sha) => !this.remembered.has(keyOf(sha))).sort();
    let counting = false;
    let told = new Map<string, Divergence | null>();
    if (unknown.length > 0) {
      const walk = this.walkFor(keyOf(unknown.join(' ')), directory, base, unknown, keyOf);
      const counted = await this.waitFor(walk, signal, patience_ms);
      counting = counted === undefined;
      told = counted ?? walk.partings.result(false);
    }
    const found = shas.map((sha) => [sha, told.get(sha) ?? this.recall(keyOf(sha))] as const);
    return { found: new Map(found), counting: counting && found.some(([, divergence]) => divergence === null) };
  }

  /** What it has counted if it ended in time; otherwise it goes on, unless too many do. */
  private async waitFor(
    walk: Walk,
    signal: AbortSignal,
    patience_ms: number,
  ): Promise<Map<string, Divergence | null> | undefined> {
    walk.waiting += 1;
    try {
      const counted = await unlessAborted(signal, atMost(patience_ms, walk.done));
      if (counted === undefined)
        walk.goesOn ||= [...this.walks.values()].filter((one) => one.goesOn).length < MOST_BEHIND;
      return counted;
    } finally {
      walk.waiting -= 1;
      if (walk.waiting === 0 && !walk.goesOn) walk.controller.abort();
    }
  }

  private walkFor(
    name: string,
    directory: string,
    base: string,
    shas: readonly string[],
    keyOf: (sha: string) => string,
  ): Walk {
    const known = this.walks.get(name);
    // Nobody joins what is called off.
    if (known !== undefined && !known.controller.signal.aborted) return known;
    const controller = new AbortController();
    const partings = new Partings([...new Set([base, ...shas])]);
    const walked = this.walk(directory, [base, ...shas], partings, controller.signal);
    const done = walked.then((isWhole) => {
      const counted = partings.result(isWhole);
      for (const [sha, divergence] of counted) this.remember(keyOf(sha), divergence);
      return counted;
    });
    const walk: Walk = { partings, done, waiting: 0, goesOn: false, controller };
    this.walks.set(name, walk);
    const forget = (): void => {
      if (this.walks.get(name) === walk) this.walks.delete(name);
    };
    // Nobody may be left to hear how it ended.
    done.then(forget, forget);
    return walk;
  }

  /** Tells them to `partings`; false when that was given up. Ends where the histories have come together. */
  private async walk(
    directory: string,
    tips: readonly string[],
    partings: Partings,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (partings.isOver) return true;
    const args = ['rev-list', '--topo-order', '--parents', '--stdin', '--'];
    const input = tips.map((tip) => `${tip}\n`).join('');
    const child = await this.git.start({ directory, args, input, signal, timeout_ms: WALK_MS });
    const { stdout } = child.process;
    let rest = '';
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [sha = '', ...parents] = line.split(' ');
        partings.add(sha, parents);
      }
      if (partings.isOver) break;
    }
    if (partings.isOver) {
      stdout.destroy();
      child.stop('aborted');
      await child.ended;
      return true;
    }
    const end = await child.ended;
    if (end.stopped === 'timeout') return false;
    if (end.stopped !== null) throw new GitFailed(end.stopped);
    this.git.assertDone(end, 'rev-list');
    return true;
  }

  private recall(key: string): Divergence | null {
    const divergence = this.remembered.get(key) ?? null;
    if (this.remembered.delete(key)) this.remembered.set(key, divergence);
    return divergence;
  }

  private remember(key: string, divergence: Divergence | null): void {
    this.remembered.set(key, divergence);
    const [oldest] = this.remembered.keys();
    if (this.remembered.size > MOST_REMEMBERED && oldest !== undefined) this.remembered.delete(oldest);
  }
}
