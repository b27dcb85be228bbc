import { openAsBlob } from 'node:fs';
import { withLimit } from '../time-limit.js';
import type { Snapshot } from './checkout-look.js';
import type { Remote } from './git-transport.js';

const LIMIT_MS = 60_000;
const SOON_SECONDS = 1;

/**
 * `refused`: this one will not be taken. `later`: not now, and not before so many seconds, nor may it be without its pack.
 * `unknown`: the server does not know what a snapshot is.
 */
export type SnapshotAnswer =
  { readonly kind: 'taken' | 'refused' | 'unknown' } | { readonly kind: 'later'; readonly seconds: number };

/** Hands the server what a checkout holds; without a pack it is said that it is still so. */
export function sendSnapshot(remote: Remote, snapshot: Snapshot, signal: AbortSignal): Promise<SnapshotAnswer> {
  return withLimit(LIMIT_MS, signal, (ending) => send(remote, snapshot, ending));
}

async function send(remote: Remote, { commitSha, pack }: Snapshot, signal: AbortSignal): Promise<SnapshotAnswer> {
  const answer = await fetch(`${remote.url}/git-snapshot?commit=${commitSha}`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${remote.user}:${remote.password()}`).toString('base64')}`,
      'content-type': 'application/x-git-snapshot-request',
    },
    body: pack === null ? '' : await openAsBlob(pack, { type: 'application/x-git-snapshot-request' }),
    redirect: 'error',
    signal,
  });
  await answer.body?.cancel();
  return answerOf(answer);
}

function answerOf({ ok, status, headers }: Response): SnapshotAnswer {
  if (ok) return { kind: 'taken' };
  if (status === 404 || status === 405) return { kind: 'unknown' };
  // The token is another one by now, the execution is over, the line is slow, or there is no place.
  if ([401, 408, 409, 425, 429].includes(status) || status >= 500) {
    const seconds = Number(headers.get('retry-after') ?? SOON_SECONDS);
    return { kind: 'later', seconds: Number.isFinite(seconds) ? seconds : SOON_SECONDS };
  }
  return { kind: 'refused' };
}
