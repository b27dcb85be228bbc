import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.js';
import { ask, reach, refusal } from '../ask.js';
import { CommandFailed, EXIT } from '../exits.js';
import { createMiyabiClient } from '../../client/client.js';

/** Words of RFC 8628 §3.5 after which the device asks again. */
const ASK_AGAIN = new Set(['authorization_pending', 'slow_down']);

/** `miyabi login`: shows a code that somebody approves in a browser, here or on any other machine (RFC 8628). */
export async function login({ session, terminal, signal }: Context): Promise<void> {
  const url = await session.url();
  const client = await session.stranger();
  const device = await ask(client.POST('/api/v1/auth/device', { body: { client_name: `miyabi on ${hostname()}` } }));
  terminal.note(`Open ${device.verification_uri_complete}`);
  terminal.note(`and compare the code: ${device.user_code}`);
  if (terminal.isWatched)
    terminal.note(`Waiting until somebody approves it (${String(device.expires_in / 60)} minutes).`);
  let { interval } = device;
  for (;;) {
    await sleep(interval * 1000, undefined, { signal });
    const body = { device_code: device.device_code };
    const { data, error, response } = await reach(client.POST('/api/v1/auth/device/token', { body, signal }));
    if (data !== undefined) {
      await session.keep(url, data);
      const { login: name } = data.user;
      if (!terminal.asJson({ url, login: name })) terminal.line(`Signed in to ${url} as ${name}.`);
      return;
    }
    const problem = (error ?? {}) as { error?: string; interval?: number };
    if (response.status === 400 && ASK_AGAIN.has(problem.error ?? '')) interval = problem.interval ?? interval;
    else if (response.status === 429) interval += 1;
    else if (response.status === 400) throw new CommandFailed(refusal(400, error).message, EXIT.signedOut, null, error);
    else throw refusal(response.status, error);
  }
}

/** `miyabi logout`: ends the session on the server, and forgets its tokens. */
export async function logout({ session, terminal }: Context): Promise<void> {
  const url = await session.url();
  const tokens = await session.credentials.of(url);
  if (tokens !== null) {
    const client = createMiyabiClient({ url, token: () => session.token(url) });
    const { error, response } = await reach(client.POST('/api/v1/auth/logout', { body: {} }));
    // A session that is over already is what was wanted.
    if (!response.ok && response.status !== 401) throw refusal(response.status, error);
    await session.credentials.alone(() => session.credentials.forget(url));
  }
  if (!terminal.asJson({ url, signed_out: tokens !== null }))
    terminal.line(tokens === null ? `Nobody was signed in to ${url}.` : `Signed out of ${url}.`);
}
