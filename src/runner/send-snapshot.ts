import { openAsBlob } from 'node:fs';
import type { Snapshot } from './checkout-look.js';
import type { Remote } from './git-transport.js';

const LIMIT_MS = 60_000;

/** `refused`: not now, or not like this. `unknown`: the server does not know what a snapshot is. */
export type SnapshotAnswer = 'taken' | 'refused' | 'unknown';

/** Hands the server what a checkout holds; without a pack it is said that it is still so. */
export async function sendSnapshot(
  remote: Remote,
  { commitSha, pack }: Snapshot,
  signal: AbortSignal,
): Promise<SnapshotAnswer> {
  // Held by its timer: Node collects an AbortSignal.timeout that nobody else has, and it never comes.
  const limit = new AbortController();
  const timer = setTimeout(
    () => limit.abort(new DOMException('The snapshot took too long.', 'TimeoutError')),
    LIMIT_MS,
  );
  try {
    return await send(remote, { commitSha, pack }, AbortSignal.any([signal, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
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
  if (answer.ok) return 'taken';
  return answer.status === 404 || answer.status === 405 ? 'unknown' : 'refused';
}
