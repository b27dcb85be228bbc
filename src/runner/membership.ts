import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunnerConfig } from '../config/runner.config.js';
import type { Registration } from './protocol.js';

const FILE = 'membership.json';

/** What a worker that has joined keeps: its own token is all it comes back with. */
export interface Joined {
  /** Address of the server that the token is for; no other gets to see it. */
  readonly url: string;
  readonly worker_id: string;
  readonly name: string;
  readonly token: string;
  /** Hash of the join token it came with: another one is a wish to join anew. */
  readonly joined_with: string;
}

/** What the worker directory knows of an earlier join; null for none. */
export async function readMembership(directory: string): Promise<Joined | null> {
  try {
    const known = JSON.parse(await readFile(join(directory, FILE), 'utf8')) as Partial<Joined>;
    const { url, worker_id, name, token, joined_with } = known;
    if ([url, worker_id, name, token, joined_with].some((part) => typeof part !== 'string')) return null;
    return { url, worker_id, name, token, joined_with } as Joined;
  } catch {
    // Not there, or half of one, which is as good as none: a join token makes another.
    return null;
  }
}

type Means =
  | { readonly kind: 'key' | 'join'; readonly secret: string }
  | { readonly kind: 'joined'; readonly secret: string; readonly name: string };

const MEANS = {
  key: 'MIYABI_KEY',
  join: 'MIYABI_JOIN_TOKEN',
  joined: 'the token that this worker had when it last joined',
} as const;

/**
 * With what a worker registers: its key, or else what it was invited with and what it has from an earlier join. A join
 * token that it has not come with before goes first: somebody wants the machine elsewhere.
 */
export class Membership {
  private constructor(
    private readonly directory: string,
    private readonly config: RunnerConfig,
    /** What is left to try, the first being the one in use. */
    private means: readonly Means[],
  ) {}

  static async open(directory: string, config: RunnerConfig): Promise<Membership> {
    const { key, join_token, url } = config;
    if (key !== '') return new Membership(directory, config, [{ kind: 'key', secret: key }]);
    const known = await readMembership(directory);
    const joined: Means[] = known?.url === url ? [{ kind: 'joined', secret: known.token, name: known.name }] : [];
    const invited: Means[] = join_token === '' ? [] : [{ kind: 'join', secret: join_token }];
    const isKnown = known?.joined_with === hashOf(join_token);
    return new Membership(directory, config, isKnown ? [...joined, ...invited] : [...invited, ...joined]);
  }

  /** What the server is shown; empty when there is nothing. */
  get secret(): string {
    return this.means[0]?.secret ?? '';
  }

  /** What it is, for messages. */
  get what(): string {
    return MEANS[this.means[0]?.kind ?? 'join'];
  }

  /** A worker that comes back has the name it had. */
  get name(): string {
    const [first] = this.means;
    return first?.kind === 'joined' ? first.name : this.config.worker_name;
  }

  /** The server refused what was shown; answers whether there is another one to try. */
  refused(): boolean {
    if (this.means.length < 2) return false;
    this.means = this.means.slice(1);
    return true;
  }

  /** Keeps the worker's own token, on the disk before it is used: a join token may be good only once. */
  async keep({ worker, token }: Registration): Promise<void> {
    const { key, url, join_token } = this.config;
    if (key !== '') return;
    const joined: Joined = { url, worker_id: worker.id, name: worker.name, token, joined_with: hashOf(join_token) };
    this.means = [{ kind: 'joined', secret: token, name: worker.name }];
    const path = join(this.directory, FILE);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(joined, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
