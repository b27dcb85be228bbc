import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commitTo } from './bare-repository.js';
import { Caller, type Repository } from './caller.js';
import { eventually } from './eventually.js';
import { PrivateHost } from './private-host.js';
import { git, Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

/** What the host of a site takes. */
export const CREDENTIALS = { username: 'ada', password: 'correct-horse-battery' };

/** A private repository at a host. */
export interface Hosted {
  clone_url: string;
  /** Adds a commit to it, and gives its id. */
  commit: (message: string) => string;
}

/** A server that trusts two hosts, and somebody who registers private repositories there. */
export class PrivateSite {
  readonly key = randomBytes(32).toString('base64');
  private counter = 0;

  private constructor(
    readonly scratch: Scratch,
    readonly host: PrivateHost,
    /** Where nobody should ask for anything. */
    readonly other: PrivateHost,
  ) {}

  server!: TestApp;
  caller!: Caller;

  static async open(): Promise<PrivateSite> {
    const scratch = new Scratch();
    const authorities = ['one', 'other'].map((name) => join(scratch.path, `${name}.pem`));
    const [host, other] = await Promise.all(
      authorities.map((file) => PrivateHost.open(scratch.directory('hosted'), file)),
    );
    if (host === undefined || other === undefined) throw new Error('a host is missing');
    const both = join(scratch.path, 'authorities.pem');
    writeFileSync(both, authorities.map((file) => readFileSync(file, 'utf8')).join('\n'));
    process.env['SSL_CERT_FILE'] = both;
    const site = new PrivateSite(scratch, host, other);
    site.server = await startTestApp({
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
      PRIVATE_CLONE_ADDRESSES: 'on',
      TOKEN_ENCRYPTION_KEYS: `one:${site.key}`,
    });
    site.caller = await Caller.signIn(site.server);
    return site;
  }

  /** Both hosts as they were in the beginning. */
  reset(): void {
    this.host.accepted = { user: CREDENTIALS.username, password: CREDENTIALS.password };
    this.host.redirect = null;
    this.host.seen.length = 0;
    this.other.seen.length = 0;
  }

  async close(): Promise<void> {
    await this.server.close();
    this.host.close();
    this.other.close();
    this.scratch.remove();
  }

  /** A new private repository with one commit. */
  hosted(): Hosted {
    const name = `team/a project ${String(this.counter++)}.git`;
    const bare = join(this.scratch.path, 'hosted', name);
    const commit = (message: string): string =>
      commitTo(bare, { [`file-${String(this.counter++)}`]: 'x' }, 'main', message);
    commit('feat: private');
    return { clone_url: this.host.url(encodeURI(name)), commit };
  }

  async read(id: string, by = this.caller): Promise<Repository> {
    return (await by.get(`/repositories/${id}`).expect(200)).body as Repository;
  }

  /** Registers a repository and waits for what comes of its first fetch. */
  async registered(body: object, by = this.caller): Promise<Repository> {
    const { id } = (await by.post('/repositories', body).expect(201)).body as Repository;
    await eventually('the first fetch is over', async () => (await this.read(id, by)).status !== 'syncing');
    return this.read(id, by);
  }

  /** The commit that the mirror has. */
  mirrored(id: string): string {
    return git(join(this.scratch.path, 'mirrors', `${id}.git`), 'rev-parse', 'main');
  }
}
