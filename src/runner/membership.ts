import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'membership.json';

/** What a worker or a coordinator that has joined keeps: its own token is all it comes back with. */
export interface Joined {
  /** Address of the server that the token is for; no other gets to see it. */
  readonly url: string;
  readonly id: string;
  readonly name: string;
  readonly token: string;
  /** Hash of the join token it came with: another one is a wish to join anew. */
  readonly joined_with: string;
}

/** With what somebody may register, and the name to have when nothing else is known. */
export interface MembershipSettings {
  readonly key: string;
  readonly join_token: string;
  readonly url: string;
  readonly name: string;
}

/** What the directory of a worker or a coordinator knows of an earlier join; null for none. */
export async function readMembership(directory: string): Promise<Joined | null> {
  try {
    const known = JSON.parse(await readFile(join(directory, FILE), 'utf8')) as Partial<Joined> & { worker_id?: string };
    const { url, worker_id, id = worker_id, name, token, joined_with } = known;
    if ([url, id, name, token, joined_with].some((part) => typeof part !== 'string')) return null;
    return { url, id, name, token, joined_with } as Joined;
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
  joined: 'the token that it had when it last joined',
} as const;

/**
 * With what a worker or a coordinator registers: its key, or else what it was invited with and what it has from an earlier
 * join. A join token that it has not come with before goes first: somebody wants the machine elsewhere.
 */
export class Membership {
  private constructor(
    private readonly directory: string,
    private readonly settings: MembershipSettings,
    /** What is left to try, the first being the one in use. */
    private means: readonly Means[],
  ) {}

  static async open(directory: string, settings: MembershipSettings): Promise<Membership> {
    const { key, join_token, url } = settings;
    if (key !== '') return new Membership(directory, settings, [{ kind: 'key', secret: key }]);
    const known = await readMembership(directory);
    const joined: Means[] = known?.url === url ? [{ kind: 'joined', secret: known.token, name: known.name }] : [];
    const invited: Means[] = join_token === '' ? [] : [{ kind: 'join', secret: join_token }];
    const isKnown = known?.joined_with === hashOf(join_token);
    return new Membership(directory, settings, isKnown ? [...joined, ...invited] : [...invited, ...joined]);
  }

  /** What the server is shown; empty when there is nothing. */
  get secret(): string {
    return this.means[0]?.secret ?? '';
  }

  /** What it is, for messages. */
  get what(): string {
    return MEANS[this.means[0]?.kind ?? 'join'];
  }

  /** Who comes back has the name it had. */
  get name(): string {
    const [first] = this.means;
    return first?.kind === 'joined' ? first.name : this.settings.name;
  }

  /** The server refused what was shown; answers whether there is another one to try. */
  refused(): boolean {
    if (this.means.length < 2) return false;
    this.means = this.means.slice(1);
    return true;
  }

  /** Keeps the token that it was given, on the disk before it is used: a join token may be good only once. */
  async keep({ id, name, token }: Pick<Joined, 'id' | 'name' | 'token'>): Promise<void> {
    const { key, url, join_token } = this.settings;
    if (key !== '') return;
    const joined: Joined = { url, id, name, token, joined_with: hashOf(join_token) };
    this.means = [{ kind: 'joined', secret: token, name }];
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
