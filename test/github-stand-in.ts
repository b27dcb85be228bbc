import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Environment } from '../src/config/load.js';

/** A person as the stand-in knows them. The id is written into JSON as it is, so that it may be any number. */
export interface GithubPerson {
  id: string;
  login: string;
  name?: string | null;
  avatar_url?: string | null;
  emails?: { email: string; primary: boolean; verified: boolean }[];
  /** State of the membership by organization. */
  organizations?: Record<string, 'active' | 'pending'>;
}

interface Grant {
  person: GithubPerson;
  redirect_uri: string;
  code_challenge: string;
  scope: string;
}

/** Answers in place of the stand-in; what it does not end stays open. */
export type Fault = (response: ServerResponse, request: IncomingMessage) => void;
export type Endpoint = 'token' | 'user' | 'emails' | 'membership';

export const CLIENT_ID = 'Iv1.stand-in';
export const CLIENT_SECRET = 'client-secret-of-the-stand-in';

/** GitHub's side of a sign-in, with its checks, over loopback; and with faults on demand. */
export class GithubStandIn {
  /** Who says yes at the page. */
  person: GithubPerson = { id: '1', login: 'octocat' };
  /** What the page grants of what was asked for. */
  granted: (asked: string) => string = (asked) => asked.replaceAll(' ', ',');
  readonly faults: Partial<Record<Endpoint, Fault>> = {};
  /** Tokens that were given out, the last one last. */
  readonly tokens = new Map<string, Grant>();
  /** Paths of the calls, in order. */
  readonly calls: string[] = [];
  private readonly codes = new Map<string, Grant>();
  private server: Server | null = null;

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.server = server;
    return this;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server?.address() as AddressInfo).port)}`;
  }

  /** What a server needs to sign people in here. */
  get environment(): Environment {
    return {
      GITHUB_CLIENT_ID: CLIENT_ID,
      GITHUB_CLIENT_SECRET: CLIENT_SECRET,
      GITHUB_AUTHORIZE_URL: `${this.url}/login/oauth/authorize`,
      GITHUB_TOKEN_URL: `${this.url}/login/oauth/access_token`,
      GITHUB_API_URL: `${this.url}/api/v3`,
      TOKEN_ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
    };
  }

  /** Makes everything right again. */
  heal(): void {
    for (const endpoint of Object.keys(this.faults)) Reflect.deleteProperty(this.faults, endpoint);
    this.granted = (asked) => asked.replaceAll(' ', ',');
    this.calls.length = 0;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    this.calls.push(url.pathname);
    const endpoint = endpointOf(url.pathname);
    const fault = endpoint && this.faults[endpoint];
    if (fault) fault(response, request);
    else if (url.pathname === '/login/oauth/authorize') this.authorize(url.searchParams, response);
    else if (endpoint === 'token') await this.exchange(request, response);
    else if (endpoint !== null) this.answerApi(endpoint, url.pathname, request, response);
    else json(response, { message: 'Not Found' }, 404);
  }

  /** The page: whoever comes here says yes at once. */
  private authorize(query: URLSearchParams, response: ServerResponse): void {
    const [redirect_uri, state] = [query.get('redirect_uri'), query.get('state')];
    const [code_challenge, method] = [query.get('code_challenge'), query.get('code_challenge_method')];
    const isGood = query.get('client_id') === CLIENT_ID && query.get('response_type') === 'code';
    if (!isGood || !redirect_uri || !state || !code_challenge || method !== 'S256') {
      json(response, { message: 'a parameter is missing or wrong' }, 400);
      return;
    }
    const code = randomBytes(10).toString('hex');
    const scope = this.granted(query.get('scope') ?? '');
    this.codes.set(code, { person: this.person, redirect_uri, code_challenge, scope });
    const location = new URL(redirect_uri);
    location.searchParams.set('code', code);
    location.searchParams.set('state', state);
    response.writeHead(302, { location: location.href }).end();
  }

  private async exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
    const refuse = (error: string): void => json(response, { error, error_description: 'See the documentation.' });
    if (form.get('client_id') !== CLIENT_ID || form.get('client_secret') !== CLIENT_SECRET) {
      refuse('incorrect_client_credentials');
      return;
    }
    const code = form.get('code') ?? '';
    const grant = this.codes.get(code);
    this.codes.delete(code);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (grant === undefined || challenge !== grant.code_challenge) refuse('bad_verification_code');
    else if (form.get('redirect_uri') !== grant.redirect_uri) refuse('redirect_uri_mismatch');
    else {
      const access_token = `gho_${randomBytes(18).toString('hex')}`;
      this.tokens.set(access_token, grant);
      json(response, { access_token, token_type: 'bearer', scope: grant.scope });
    }
  }

  private answerApi(endpoint: Endpoint, path: string, request: IncomingMessage, response: ServerResponse): void {
    const grant = this.tokens.get((request.headers.authorization ?? '').replace(/^Bearer /, ''));
    if (grant === undefined || !request.headers['user-agent']) {
      json(response, { message: 'Bad credentials' }, 401);
      return;
    }
    const { person, scope } = grant;
    if (endpoint === 'user') sendText(response, userJson(person));
    else if (endpoint === 'emails') {
      if (scope.includes('user:email')) json(response, person.emails ?? []);
      else json(response, { message: 'Not Found' }, 404);
    } else {
      const organization = path.split('/').at(-1) ?? '';
      const state = scope.includes('read:org') ? person.organizations?.[organization] : undefined;
      if (state === undefined) json(response, { message: 'Not Found' }, 404);
      else json(response, { state, role: 'member', organization: { login: organization } });
    }
  }
}

const PATHS: readonly [RegExp, Endpoint][] = [
  [/^\/login\/oauth\/access_token$/, 'token'],
  [/^\/api\/v3\/user$/, 'user'],
  [/^\/api\/v3\/user\/emails$/, 'emails'],
  [/^\/api\/v3\/user\/memberships\/orgs\/[^/]+$/, 'membership'],
];

const endpointOf = (path: string): Endpoint | null => PATHS.find(([pattern]) => pattern.test(path))?.[1] ?? null;

/** The answer of GET /user, with more than we look at, as GitHub's has. */
const userJson = ({ id, login, name = null, avatar_url = null }: GithubPerson): string =>
  `{"login":${JSON.stringify(login)},"id":${id},"node_id":"MDQ6VXNlcjE=","type":"User","site_admin":false,` +
  `"name":${JSON.stringify(name)},"avatar_url":${JSON.stringify(avatar_url)},"email":"public@example.com","plan":null}`;

export function json(response: ServerResponse, value: unknown, status = 200): void {
  sendText(response, JSON.stringify(value), status);
}

export function sendText(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(text);
}
