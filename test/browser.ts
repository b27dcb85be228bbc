interface Cookie {
  value: string;
  path: string;
  /** As it was set, without name and value, in lower case. */
  attributes: string;
}

const PATIENCE_MS = 20_000;

/** What a browser does with cookies and redirects, as far as a sign-in needs it. */
export class Browser {
  readonly cookies = new Map<string, Cookie>();

  /** `url` is where the server really listens, whatever it takes for its own address. */
  constructor(private readonly url: string) {}

  get = (path: string, headers: Record<string, string> = {}): Promise<Response> => this.send('GET', path, headers);

  post = (path: string, body?: object, headers: Record<string, string> = {}): Promise<Response> =>
    this.send('POST', path, headers, body);

  cookie(name: string): string | null {
    return this.cookies.get(name)?.value ?? null;
  }

  /** Goes to GitHub, says yes, and gives the path that GitHub sends it back to. */
  async leave(redirect?: string): Promise<string> {
    const query = redirect === undefined ? '' : `?redirect=${encodeURIComponent(redirect)}`;
    const answer = await this.get(`/api/v1/auth/github${query}`);
    if (answer.status !== 302) throw new Error(`leaving was answered with ${String(answer.status)}`);
    return this.agree(answer);
  }

  /** Says yes at GitHub's page, where an answer has sent it. */
  async agree(leaving: Response): Promise<string> {
    const agreed = await fetch(leaving.headers.get('location') ?? '', { redirect: 'manual' });
    if (agreed.status !== 302) throw new Error(`GitHub answered with ${String(agreed.status)}`);
    const { pathname, search } = new URL(agreed.headers.get('location') ?? '');
    return pathname + search;
  }

  /** The whole way, up to where the callback sends it. */
  async signIn(redirect?: string): Promise<Response> {
    return this.get(await this.leave(redirect));
  }

  private async send(method: string, path: string, own: Record<string, string>, body?: object): Promise<Response> {
    const pathname = path.split('?')[0] ?? '';
    const cookies = [...this.cookies].filter(([, { path: prefix }]) => `${pathname}/`.startsWith(`${prefix}/`));
    const headers = {
      ...(cookies.length > 0 && { cookie: cookies.map(([name, { value }]) => `${name}=${value}`).join('; ') }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...own,
    };
    const answer = await fetch(this.url + path, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    answer.headers.getSetCookie().forEach((line) => this.keep(line));
    return answer;
  }

  private keep(line: string): void {
    const [, name = '', value = '', attributes = ''] = /^([^=]+)=([^;]*)(.*)$/.exec(line) ?? [];
    const isGone = /expires=thu, 01 jan 1970/i.test(attributes);
    if (isGone) this.cookies.delete(name);
    else
      this.cookies.set(name, {
        value,
        path: /path=([^;]+)/i.exec(attributes)?.[1] ?? '/',
        attributes: attributes.toLowerCase(),
      });
  }
}

/** Where an answer sends a browser. */
export const locationOf = (answer: Response): string => answer.headers.get('location') ?? '';
