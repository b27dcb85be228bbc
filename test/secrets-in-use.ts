import { newId } from '../src/ids.js';
import { Browser } from './browser.js';
import { sendText, type GithubStandIn } from './github-stand-in.js';
import type { Scratch } from './scratch-git.js';
import type { TokenPair } from './sign-in.js';
import type { Secret } from './verify-secrets.js';
import { send, type Reply } from './verify-site.js';

/** A server that secrets are got from in every way there is, and what was got. */
export class SecretsInUse {
  readonly issued: Secret[] = [];
  readonly statuses: number[] = [];

  constructor(
    readonly url: string,
    /** The address the server takes for its own. */
    private readonly publicUrl: string,
    private readonly github: GithubStandIn,
    private readonly scratch: Scratch,
  ) {}

  /** Remembers a secret. `guessable` are those that a plain hash would give away. */
  keep(name: string, text: unknown, guessable = false): string {
    if (typeof text !== 'string' || text.length < 8) throw new Error(`${name} was not given out: ${String(text)}`);
    this.issued.push({ name: `${name} ${String(this.issued.length)}`, text, guessable });
    return text;
  }

  async signIn(github_id: number): Promise<TokenPair> {
    const body = { github_id, email: `p${String(github_id)}@example.com` };
    return this.keepPair(await this.call(null, 'POST', '/auth/mock', body));
  }

  /** Somebody signs in, refreshes, makes keys, runs a worker with a task, uses Git, and signs out in the end. */
  async live(at: number): Promise<void> {
    const { refresh_token } = await this.signIn(at + 1);
    const pair = this.keepPair(await this.call(null, 'POST', '/auth/refresh', { refresh_token }));
    const { access_token } = pair;
    await this.useKey(access_token);
    await this.letMachineIn(access_token);
    await this.useDevice(access_token);
    await this.useGithub(at);
    await this.misplace(pair, await this.runWorker(access_token));
    if (at % 2 === 0) await this.call(access_token, 'POST', '/auth/logout', { everywhere: true });
    else await this.call(null, 'POST', '/auth/refresh', { refresh_token });
  }

  async call(token: string | null, method: string, path: string, body?: unknown): Promise<Reply> {
    const reply = await send(this, token, method, `/api/v1${path}`, body);
    this.statuses.push(reply.status);
    return reply;
  }

  /** A request as it may come, right or wrong. */
  async raw(path: string, init: RequestInit): Promise<number> {
    const { status } = await fetch(this.url + path, init);
    this.statuses.push(status);
    return status;
  }

  /** Both tokens of an answer. */
  private keepPair({ status, json, text }: Reply): TokenPair {
    if (status !== 200) throw new Error(`no tokens: ${String(status)} ${text}`);
    const pair = json as unknown as TokenPair;
    this.keep('access token', pair.access_token);
    this.keep('refresh token', pair.refresh_token);
    return pair;
  }

  /** The token of a worker that has claimed a task and asks for its repository. */
  private async runWorker(access_token: string): Promise<string> {
    const local_path = this.scratch.repository(newId());
    const repository = await this.call(access_token, 'POST', '/repositories', { local_path });
    const registered = await this.call(access_token, 'POST', '/workers', { name: `worker ${newId()}` });
    const { worker, token } = registered.json as { worker: { id: string }; token: string };
    this.keep('worker token', token);
    const repository_id = String(repository.json['id']);
    await this.call(access_token, 'POST', '/tasks', { name: 'Do it', agent_type: 'note', repository_id });
    const claimed = await this.call(token, 'POST', `/workers/${worker.id}/claim`, {});
    const [grant] = claimed.json['executions'] as { execution: { id: string } }[];
    const basic = Buffer.from(`${String(grant?.execution.id)}:${token}`).toString('base64');
    const headers = { Authorization: `Basic ${basic}` };
    const advertised = await this.raw(`/git/${repository_id}.git/info/refs?service=git-upload-pack`, { headers });
    if (advertised !== 200) throw new Error(`Git was answered with ${String(advertised)}`);
    return token;
  }

  /** An API key, used and revoked. */
  private async useKey(access_token: string): Promise<void> {
    const body = { name: 'build', permissions: ['tasks.read', 'keys.manage'] };
    const { json } = await this.call(access_token, 'POST', '/api-keys', body);
    const { api_key, secret } = json as { api_key: { id: string }; secret: string };
    this.keep('API key', secret);
    await this.call(secret, 'GET', '/tasks');
    await this.call(secret, 'GET', '/api-keys');
    await this.call(secret, 'DELETE', `/api-keys/${api_key.id}`);
    await this.call(secret, 'GET', '/tasks');
  }

  /** A join token, used up and taken back; the machine comes back with its own token. */
  private async letMachineIn(access_token: string): Promise<void> {
    const { json } = await this.call(access_token, 'POST', '/workers/join-tokens', {});
    const join_token = this.keep('join token', json['token']);
    const name = `machine ${newId()}`;
    const joined = await this.call(join_token, 'POST', '/workers', { name });
    const token = this.keep('worker token', joined.json['token']);
    await this.call(join_token, 'POST', '/workers', { name: 'another' });
    const back = await this.call(token, 'POST', '/workers', { name, replace: true });
    this.keep('worker token', back.json['token']);
    await this.call(access_token, 'GET', '/workers/join-tokens');
    await this.call(access_token, 'DELETE', `/workers/join-tokens/${String(json['id'])}`);
    await this.raw('/join.sh', { headers: { Authorization: `Bearer ${join_token}` } });
  }

  /** A device that signs in, its page included. */
  private async useDevice(access_token: string): Promise<void> {
    const begun = await this.call(null, 'POST', '/auth/device', { client_name: 'cli' });
    const device_code = this.keep('device code', begun.json['device_code']);
    const user_code = this.keep('user code', begun.json['user_code'], true);
    await this.raw(new URL(String(begun.json['verification_uri_complete'])).pathname + `?user_code=${user_code}`, {});
    await this.call(null, 'POST', '/auth/device/token', { device_code });
    await this.call(access_token, 'POST', '/auth/device/lookup', { user_code });
    await this.call(access_token, 'POST', '/auth/device/approve', { user_code });
    await this.call(access_token, 'POST', '/auth/device/approve', { user_code });
    this.keepPair(await this.call(null, 'POST', '/auth/device/token', { device_code }));
    await this.call(null, 'POST', '/auth/device/token', { device_code });
  }

  /** Somebody signs in through GitHub, goes on with the cookie, and tries what must fail. */
  private async useGithub(at: number): Promise<void> {
    this.github.person = { id: String(500_000 + at), login: `octocat-${String(at)}` };
    const browser = new Browser(this.url);
    const back = await browser.leave('/tasks');
    const query = new URLSearchParams(back.split('?')[1]);
    for (const name of ['state', 'code']) this.keep(name, query.get(name));
    for (const part of cookieOf(browser, 'miyabi_sign_in').split('.')) this.keep('sign-in cookie', part);
    await browser.get(back.replace(/code=\w+/, 'code=nobody-has-given-this'));
    const statusOf = async (path: string) => (await browser.get(path)).status;
    this.statuses.push(await statusOf(back), await statusOf(await browser.leave('/tasks')));
    this.keep('refresh cookie', cookieOf(browser, 'miyabi_refresh'));
    const refreshed = await browser.post('/api/v1/auth/refresh', undefined, { origin: this.publicUrl });
    const { access_token } = (await refreshed.json()) as { access_token: string };
    this.keep('access token', access_token);
    this.keep('refresh cookie', cookieOf(browser, 'miyabi_refresh'));
    this.keep('GitHub token', [...this.github.tokens.keys()].at(-1));
    this.github.faults.user = (response) => sendText(response, 'no JSON');
    this.statuses.push(await statusOf(await new Browser(this.url).leave()));
    this.github.heal();
    await this.call(access_token, 'POST', '/auth/logout', {});
  }

  /** Tokens where they do not belong: each of these is refused, and must be forgotten. */
  private async misplace({ access_token, refresh_token }: TokenPair, workerToken: string): Promise<void> {
    const json = { 'Content-Type': 'application/json' };
    for (const secret of [access_token, refresh_token, workerToken]) {
      const query = `/api/v1/tasks?access_token=${secret}&token=${secret}`;
      await this.raw(query, {});
      await this.raw(query, { headers: { Authorization: `Bearer ${access_token}` } });
      for (const scheme of ['Basic', 'Token', 'bearer bearer'])
        await this.raw('/api/v1/auth/me', { headers: { Authorization: `${scheme} ${secret}` } });
      await this.raw('/api/v1/auth/me', {
        headers: { Authorization: `Basic ${Buffer.from(`x:${secret}`).toString('base64')}` },
      });
      await this.raw('/api/v1/auth/me', { headers: { Authorization: `Bearer ${secret.slice(0, -1)}` } });
      await this.raw('/api/v1/auth/me', {
        headers: { Cookie: `token=${secret}; refresh_token=${secret}`, 'X-Api-Key': secret },
      });
      const bodies = [
        `{"refresh_token":"${secret}"`,
        `{"refresh_token":"${secret}","${secret}":1}`,
        `{"refresh_token":["${secret}"]}`,
        `{"refresh_token":"${secret}\\u0000"}`,
        `{"refresh_token":"${secret}","refresh_token":"${secret}"}`,
        `"${secret}"`,
      ];
      for (const body of bodies) await this.raw('/api/v1/auth/refresh', { method: 'POST', headers: json, body });
      const form = new URLSearchParams({ refresh_token: secret });
      await this.raw('/api/v1/auth/refresh', { method: 'POST', body: form });
      const headers = { ...json, Authorization: `Bearer ${access_token}` };
      const body = JSON.stringify({ name: 'x', agent_type: secret, [secret]: secret, access_token: secret });
      await this.raw('/api/v1/tasks', { method: 'POST', headers, body });
    }
    await this.call(null, 'POST', '/auth/refresh', { refresh_token: access_token });
    await this.call(null, 'POST', '/auth/refresh', { refresh_token: workerToken });
    await this.call(refresh_token, 'GET', '/auth/me');
  }
}

/** What the browser keeps, without the mark of a signed cookie. */
const cookieOf = (browser: Browser, name: string): string =>
  decodeURIComponent(browser.cookie(name) ?? '').replace(/^s:/, '');
