import { Browser } from './browser.js';
import { breaksOff, drips, floods, reset, silent } from './github-faults.js';
import { json, sendText, type Endpoint, type Fault, type GithubStandIn } from './github-stand-in.js';
import type { TestApp } from './test-app.js';

/** Where people go after a sign-in. */
export const FRONTEND = 'https://console.example.org';

/** What comes back from GitHub: its name, what has to come of it, and how a browser gets the path that it comes to. */
export type GithubVariant = [name: string, expected: string, arrive: (browser: Browser) => Promise<string>];

const HTML = '<!doctype html><html><body>Unicorn!</body></html>';
const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

/** The path of the callback with a query. */
export const callback = (query: string): string => `/api/v1/auth/github/callback?${query}`;
/** The path back from GitHub with another parameter in place of its own. */
const changed = (path: string, change: (query: URLSearchParams) => void): string => {
  const url = new URL(path, FRONTEND);
  change(url.searchParams);
  return callback(url.searchParams.toString());
};
const instead = (change: (query: URLSearchParams) => void) => async (browser: Browser) =>
  changed(await browser.leave('/tasks'), change);
const cookieBecomes = (change: (value: string) => string) => async (browser: Browser) => {
  const path = await browser.leave('/tasks');
  const cookie = browser.cookies.get('miyabi_sign_in')!;
  browser.cookies.set('miyabi_sign_in', { ...cookie, value: change(cookie.value) });
  return path;
};

/** All that can be wrong with a sign-in that has left from the server, which is asked for when it is needed. */
export function githubVariants(github: GithubStandIn, serverOf: () => TestApp): GithubVariant[] {
  const on =
    (endpoint: Endpoint, fault: Fault) =>
    (browser: Browser): Promise<string> => {
      github.faults[endpoint] = fault;
      return browser.leave('/tasks');
    };
  const text = (endpoint: Endpoint, answer: string, status?: number) =>
    on(endpoint, (response) => sendText(response, answer, status));
  const user = (fields: string) => text('user', `{${fields}}`);
  const token = (fields: object) =>
    on('token', (r) => json(r, { access_token: 'gho_x', token_type: 'bearer', ...fields }));

  return [
    ['no state', '400 auth/wrong-state', instead((q) => q.delete('state'))],
    ['an empty state', '400 auth/wrong-state', instead((q) => q.set('state', ''))],
    ['a state too short', '400 auth/wrong-state', instead((q) => q.set('state', q.get('state')!.slice(1)))],
    ['a state nobody has given', '400 auth/wrong-state', instead((q) => q.set('state', 'A'.repeat(43)))],
    ['two states', '400 auth/wrong-state', instead((q) => q.append('state', q.get('state')!))],
    ['a redirect target as state', '400 auth/wrong-state', instead((q) => q.set('state', 'https://evil.example'))],
    ['an error without a state', '400 auth/wrong-state', async () => callback('error=access_denied')],
    ['nothing at all', '400 auth/wrong-state', async () => callback('')],
    [
      'a state that has expired',
      '400 auth/wrong-state',
      async (browser) => {
        const path = await browser.leave('/tasks');
        await serverOf().sql.query('update oauth_states set expires_at = now()');
        return path;
      },
    ],
    [
      'a state used by a sign-in that was denied',
      '400 auth/wrong-state',
      async (browser) => {
        const path = await browser.leave('/tasks');
        await browser.get(changed(path, (q) => q.set('error', 'access_denied')));
        return path;
      },
    ],
    [
      'the state of another browser',
      '400 auth/wrong-state',
      async (browser) => {
        await browser.leave('/tasks');
        return new Browser(serverOf().url).leave('/tasks');
      },
    ],
    ['no cookie', '400 auth/wrong-state', async () => new Browser(serverOf().url).leave('/tasks')],
    [
      'a cookie without its signature',
      '400 auth/wrong-state',
      cookieBecomes((v) => decodeURIComponent(v).slice(2, 45)),
    ],
    ['a cookie signed by somebody', '400 auth/wrong-state', cookieBecomes((v) => `${v.slice(0, -3)}abc`)],
    [
      'a cookie of another value',
      '400 auth/wrong-state',
      cookieBecomes((v) => v.replace(/^s%3A./, (a) => (a.endsWith('_') ? 's%3AA' : 's%3A_'))),
    ],
    ['a cookie of JSON', '400 auth/wrong-state', cookieBecomes(() => 'j%3A%7B%22a%22%3A1%7D')],

    ['access denied', 'access_denied', instead((q) => q.set('error', 'access_denied'))],
    ['an error of GitHub', 'github_refused', instead((q) => q.set('error', 'redirect_uri_mismatch'))],
    ['an error and markup', 'github_refused', instead((q) => q.set('error', '"><script>alert(1)</script>'))],
    ['two errors', 'github_refused', instead((q) => ['a', 'b'].forEach((e) => q.append('error', e)))],
    ['no code', 'github_malformed', instead((q) => q.delete('code'))],
    ['an empty code', 'github_malformed', instead((q) => q.set('code', ''))],
    ['two codes', 'github_malformed', instead((q) => q.append('code', 'b'))],
    ['a code with a line end', 'github_malformed', instead((q) => q.set('code', 'a\r\nb'))],
    ['a code without an end', 'github_malformed', instead((q) => q.set('code', 'a'.repeat(5000)))],
    ['a wrong code', 'github_refused', instead((q) => q.set('code', 'nobody-has-given-this'))],
    [
      // What PKCE is for: the state and the cookie are the victim's own.
      'the code of another browser',
      'github_refused',
      async (browser) => {
        const stolen = new URL(await new Browser(serverOf().url).leave('/tasks'), FRONTEND).searchParams.get('code')!;
        return changed(await browser.leave('/tasks'), (q) => q.set('code', stolen));
      },
    ],

    ['a refused exchange', 'github_refused', text('token', '{"error":"bad_verification_code"}')],
    ['a refusal and a token', 'github_refused', token({ error: 'no' })],
    ['an exchange of 401', 'github_refused', text('token', '{}', 401)],
    ['an exchange of 404', 'github_refused', text('token', HTML, 404)],
    ['an exchange of 500', 'github_unavailable', text('token', HTML, 500)],
    ['an exchange of 503', 'github_unavailable', text('token', '{"access_token":"gho_x","token_type":"bearer"}', 503)],
    ['an exchange of 201', 'github_malformed', text('token', '{"access_token":"gho_x","token_type":"bearer"}', 201)],
    ['an exchange that leads on', 'github_malformed', on('token', (r) => r.writeHead(302, { location: '/' }).end())],
    ['an empty exchange', 'github_malformed', text('token', '')],
    ['an exchange of HTML', 'github_malformed', text('token', HTML)],
    ['an exchange of a form', 'github_malformed', text('token', 'access_token=gho_x&token_type=bearer')],
    ['an exchange of null', 'github_malformed', text('token', 'null')],
    ['an exchange of a list', 'github_malformed', text('token', '[]')],
    ['an exchange of a number', 'github_malformed', text('token', '7')],
    ['an exchange too deep', 'github_malformed', text('token', DEEP)],
    ['an exchange too large', 'github_malformed', text('token', `"${'x'.repeat(1024 * 1024)}"`)],
    ['an exchange without an end', 'github_malformed', on('token', floods)],
    ['no access token', 'github_malformed', token({ access_token: undefined })],
    ['an access token of null', 'github_malformed', token({ access_token: null })],
    ['an access token of another type', 'github_malformed', token({ access_token: { a: 1 } })],
    ['an empty access token', 'github_malformed', token({ access_token: '' })],
    ['an access token with a line end', 'github_malformed', token({ access_token: 'a\r\nX: y' })],
    ['an access token too long', 'github_malformed', token({ access_token: 'a'.repeat(2000) })],
    ['a token for another scheme', 'github_malformed', token({ token_type: 'mac' })],
    ['scopes of another type', 'github_malformed', token({ scope: ['user'] })],
    ['a token that GitHub does not know', 'github_refused', token({})],
    ['an exchange cut off', 'github_unavailable', on('token', reset)],
    ['an exchange that breaks off', 'github_unavailable', on('token', breaksOff)],
    ['an exchange never answered', 'github_unavailable', on('token', silent)],
    ['an exchange that drips', 'github_unavailable', on('token', drips)],

    ['a person of 403', 'github_refused', text('user', '{"message":"rate limit"}', 403)],
    ['a person of 502', 'github_unavailable', text('user', HTML, 502)],
    ['a person of HTML', 'github_malformed', text('user', HTML)],
    ['a person of null', 'github_malformed', text('user', 'null')],
    ['a person of a list', 'github_malformed', text('user', '[{"id":1,"login":"a"}]')],
    ['a person cut short', 'github_malformed', text('user', '{"id":1,"login":"a')],
    ['a person without an end', 'github_malformed', on('user', floods)],
    ['a person that drips', 'github_unavailable', on('user', drips)],
    ['a person cut off', 'github_unavailable', on('user', reset)],
    ['a person without an id', 'github_malformed', user('"login":"a"')],
    ['two ids', 'github_malformed', user('"id":1,"id":2,"login":"a"')],
    ['an inherited id', 'github_malformed', user('"__proto__":{"id":1},"login":"a"')],
    ...['"1"', 'null', '0', '-1', '1.5', '1e3', '9223372036854775808', '[1]', '{"value":"1"}'].map(
      (id): GithubVariant => [`the id ${id}`, 'github_malformed', user(`"id":${id},"login":"a"`)],
    ),
    ...['null', '7', '""', '"a/b"', '"-a"', '"a b"', '"a\\u0000"', `"${'a'.repeat(101)}"`].map(
      (login): GithubVariant => [`the login ${login}`, 'github_malformed', user(`"id":1,"login":${login}`)],
    ),
    ['a name of another type', 'github_malformed', user('"id":1,"login":"a","name":{}')],
    ['a picture of another type', 'github_malformed', user('"id":1,"login":"a","avatar_url":1')],

    ['addresses of null', 'github_malformed', text('emails', 'null')],
    ['addresses in an object', 'github_malformed', text('emails', '{"email":"a@example.org"}')],
    ['an address of null', 'github_malformed', text('emails', '[null]')],
    ['addresses of 500', 'github_unavailable', text('emails', '[]', 500)],
    ['addresses that drip', 'github_unavailable', on('emails', drips)],
  ];
}
