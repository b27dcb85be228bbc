import { execFileSync } from 'node:child_process';
import type { components } from '../src/client/schema.generated.js';
import type { Caller, Page } from './caller.js';
import { git, GIT_ENVIRONMENT } from './scratch-git.js';

export type Deployment = components['schemas']['Deployment'];
export type Comparison = components['schemas']['Comparison'];
export type EnvironmentStatus = components['schemas']['EnvironmentStatus'];

/** Asks for the deployments of one repository. */
export class DeploymentCaller {
  constructor(
    readonly caller: Caller,
    readonly repository_id: string,
  ) {}

  async page(query = ''): Promise<Page<Deployment>> {
    const { body } = await this.caller.get(`/deployments?repository_id=${this.repository_id}&${query}`).expect(200);
    return body as Page<Deployment>;
  }

  /** The whole list, or what is behind a cursor, page by page. */
  async all(query = 'limit=100', behind: string | null = null): Promise<Deployment[]> {
    const items: Deployment[] = [];
    let cursor = behind;
    do {
      const page: Page<Deployment> = await this.page(`${query}${cursor === null ? '' : `&cursor=${cursor}`}`);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return items;
  }

  record = (body: object) => this.caller.post('/deployments', { repository_id: this.repository_id, ...body });

  async recorded(body: object): Promise<Deployment> {
    return (await this.record(body).expect(201)).body as Deployment;
  }

  change = (id: string, body: object) => this.caller.patch(`/deployments/${id}`, body);

  async changed(id: string, body: object): Promise<Deployment> {
    return (await this.change(id, body).expect(200)).body as Deployment;
  }

  async status(): Promise<EnvironmentStatus[]> {
    const { body } = await this.caller.get(`/deployments/status?repository_id=${this.repository_id}`).expect(200);
    return (body as Page<EnvironmentStatus>).items;
  }

  /** `staging: v1 (v2)`: what is there, and what is under way. */
  async places(): Promise<string[]> {
    return (await this.status()).map(({ environment, current, in_progress }) => {
      const coming = in_progress.map(({ version }) => ` (${version})`).join('');
      return `${environment}: ${current?.version ?? 'nothing'}${coming}`;
    });
  }

  compare = (from: string, to: string, more = '') => {
    const query = new URLSearchParams({ repository_id: this.repository_id, from, to }).toString();
    return this.caller.get(`/deployments/compare?${query}${more}`);
  };

  async comparison(from: string, to: string, more = ''): Promise<Comparison> {
    return (await this.compare(from, to, more).expect(200)).body as Comparison;
  }
}

/** Makes references of any names, given as bytes or text, that lead to an object. */
export function makeRefs(cwd: string, names: readonly (string | Buffer)[], sha = git(cwd, 'rev-parse', 'HEAD')): void {
  const input = names.flatMap((name) => [
    Buffer.from('create '),
    typeof name === 'string' ? Buffer.from(name) : name,
    Buffer.from(`\0${sha}\0`),
  ]);
  execFileSync('git', ['update-ref', '-z', '--stdin'], { cwd, env: GIT_ENVIRONMENT, input: Buffer.concat(input) });
}

/** An annotated tag of anything, made at an instant in seconds since 1970. */
export function annotate(cwd: string, name: string, of: string, at: number): void {
  execFileSync('git', ['tag', '-a', '-m', name, '--', name, of], {
    cwd,
    env: { ...GIT_ENVIRONMENT, GIT_COMMITTER_DATE: `@${String(at)} +0000` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
