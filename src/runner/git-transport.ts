import { Fault } from './fault.js';
import { GitFailed } from './git.js';
import { backoff, pause } from './patience.js';

/** How the runner reaches a repository: an address without secrets, and the secret for the environment. */
export interface Remote {
  readonly url: string;
  /** User name of Basic authentication: the execution's id. */
  readonly user: string;
  /** Asked anew for each try, as the worker's token may be replaced meanwhile. */
  readonly password: () => string;
}

const OWN_GIT = /\/git\/[0-9a-f-]{36}\.git$/;

/**
 * Resolves the claim's address; only HTTP is spoken with a server. A server names itself by its public address, which
 * another machine may know it under another name than: its git is where its API is.
 */
export function remoteUrl(cloneUrl: string, serverUrl: string): string {
  const url = URL.canParse(cloneUrl, serverUrl) ? new URL(cloneUrl, serverUrl) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw new Fault('git', 'The clone address of the claim is not an HTTP address without credentials.', {
      blame: 'task',
    });
  const own = OWN_GIT.exec(url.pathname)?.[0];
  return own === undefined ? url.href : serverUrl.replace(/\/+$/, '') + own;
}

/**
 * The credentials as configuration in the environment of one git process: not in its arguments, which every account of the
 * machine can read, not in an address, not on the disk. Bound to the address, so that no other host ever gets them.
 */
export const credentials = (remote: Remote): Record<string, string> => ({
  GIT_CONFIG_COUNT: '2',
  GIT_CONFIG_KEY_0: `http.${remote.url}.extraHeader`,
  GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(`${remote.user}:${remote.password()}`).toString('base64')}`,
  GIT_CONFIG_KEY_1: 'credential.helper',
  GIT_CONFIG_VALUE_1: '',
});

const AWAY =
  /Could not resolve host|[Ff]ailed to connect|Couldn't connect|Connection (?:refused|reset|timed out)|Empty reply|Recv failure|Send failure|early EOF|hung up|unexpected disconnect|timed out|too slow|transfer closed|returned error: (?:408|425|429|5\d\d)|HTTP (?:408|429|5\d\d)/;
/** A token that was just replaced looks like this until the worker has its new one. */
const UNAUTHENTICATED = /returned error: 401|HTTP 401|Authentication failed|could not read Username/;
const REFUSED = /returned error: 4\d\d|HTTP 4\d\d/;

/** What the server itself says of a repository or of what is pushed is not about this machine. */
const isAnswer = (stderr: string): boolean =>
  !UNAUTHENTICATED.test(stderr) && (REFUSED.test(stderr) || /^remote: |\[(remote )?rejected\]/m.test(stderr));

export type Trouble = 'away' | 'unauthenticated' | 'final';

/** Whether trying again later can help. */
export function troubleOf(stderr: string): Trouble {
  if (UNAUTHENTICATED.test(stderr)) return 'unauthenticated';
  if (REFUSED.test(stderr) && !/returned error: (?:408|425|429)/.test(stderr)) return 'final';
  return AWAY.test(stderr) ? 'away' : 'final';
}

const MOST_UNAUTHENTICATED = 6;

export interface TransportPatience {
  readonly signal: AbortSignal;
  /** Milliseconds after which a server that stays away is a failure. */
  readonly patienceMs: number;
  readonly onWait: (stderr: string) => void;
}

/** Repeats a fetch or push while the server is away. Rejects with a Fault `network` or `git`, or the signal's reason. */
export async function persistently<T>(transfer: () => Promise<T>, patience: TransportPatience): Promise<T> {
  const end = performance.now() + patience.patienceMs;
  let unauthenticated = 0;
  for (let tries = 0; ; tries++) {
    try {
      return await transfer();
    } catch (error) {
      if (!(error instanceof GitFailed)) throw error;
      const trouble = troubleOf(error.stderr);
      if (trouble === 'unauthenticated') unauthenticated++;
      if (trouble === 'final' || unauthenticated > MOST_UNAUTHENTICATED)
        throw new Fault('git', error.message, { cause: error, ...(isAnswer(error.stderr) && { blame: 'task' }) });
      if (performance.now() > end) throw new Fault('network', error.message, { cause: error });
      if (tries === 0) patience.onWait(error.stderr);
      await pause(backoff(tries), patience.signal);
    }
  }
}
