import type { Duplex } from 'node:stream';

/** What a host asks for before it gives a repository. */
export interface Credentials {
  username: string;
  password: string;
}

/** Credentials with the one address that they are for. */
export interface AddressCredentials extends Credentials {
  url: string;
}

/**
 * Git runs this when a host asks: it hands git's question on to the server, and its answer back. Both go through the
 * one descriptor that git and its children have inherited and nobody else can open. No name of it, and nothing secret,
 * is in an argument, in the environment or on the disk.
 */
const HELPER = '!f() { test "$1" = get && cat >&3 && echo >&3 && cat <&3; }; f';

// Names of hosts and paths, and what the host said of how to sign in.
const LONGEST_QUESTION = 64 * 1024;
const ASKED = ['protocol', 'host', 'path'];
// What is shorter may be part of anything.
const SHORTEST_SECRET = 4;

/** Descriptors of a git process that may ask: the last one is for that. */
export const ASKING_STDIO = ['pipe', 'pipe', 'pipe', 'pipe'] as const;

/** Settings of a git process that may ask. A redirect is a failure, wherever it leads to. */
export const askingSettings = ({ url }: AddressCredentials): Record<string, string> => ({
  [`credential.${new URL(url).origin}.helper`]: HELPER,
  'credential.useHttpPath': 'true',
  'http.followRedirects': 'false',
});

/** Answers the first question that comes, and no other: with the credentials if it is about their address. */
export function answerOnce(channel: Duplex, credentials: AddressCredentials): void {
  let question = '';
  let answered = false;
  // Who asked has ended.
  channel.on('error', () => channel.destroy());
  channel.on('data', (chunk: Buffer) => {
    if (answered) return;
    question += chunk.toString('latin1');
    if (!/(^|\n)\n/.test(question) && question.length < LONGEST_QUESTION) return;
    answered = true;
    channel.end(answerTo(question, credentials));
  });
}

/** A text of git without the credentials, should the other side have repeated them. */
export function withoutCredentials(text: string, { username, password }: Credentials): string {
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const shown = [password, username, basic].flatMap((secret) => [secret, encodeURIComponent(secret)]);
  return shown
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
}

/** The answer of a credential helper (gitcredentials(7)); empty when it has none. */
export function answerTo(question: string, { url, username, password }: AddressCredentials): string {
  const lines = question.split('\n\n')[0]?.split('\n') ?? [];
  const about = ASKED.map((name) => lines.filter((line) => line.startsWith(`${name}=`)));
  const { protocol, host, pathname } = new URL(url);
  const wanted = [`protocol=${protocol.slice(0, -1)}`, `host=${host}`, `path=${plainPath(pathname)}`];
  const same = about.every((found, at) => found.length === 1 && found[0] === wanted[at]);
  return same && protocol === 'https:' ? `username=${username}\npassword=${password}\n` : '';
}

/** A path as git names it in its questions: its bytes, without slashes at its ends. */
const plainPath = (pathname: string): string =>
  pathname
    .replace(/^\/+|\/+$/g, '')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
