import { checkoutFrom, emptyCheckout, type Checkout, type CheckoutPlan } from './checkout.js';
import type { Delivery } from './delivery.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { faultIn } from './fault.js';
import type { Remote } from './git-transport.js';
import { identityOf } from './hand-back.js';
import type { House } from './house.js';
import type { Grant } from './protocol.js';

/** How long a server that is away is waited for before the attempt is given up. */
export const TRANSPORT_PATIENCE_MS = 15 * 60_000;

/** Makes the execution's checkout. Rejects with a Fault, or with the signal's reason. */
export async function prepareCheckout(
  house: House,
  work: { grant: Grant; directory: ExecutionDirectory; delivery: Delivery; remote: Remote | null },
  signal: AbortSignal,
): Promise<Checkout> {
  const { grant, directory, delivery, remote } = work;
  const plan: CheckoutPlan = { path: directory.checkout, branch: grant.branch, identity: identityOf(grant), signal };
  try {
    if (grant.repository === null || remote === null) {
      await delivery.say('info', 'The task has no repository: starting in an empty one.');
      return await emptyCheckout(house.git, plan);
    }
    const { repository } = grant;
    const baseRef = grant.base_ref ?? repository.default_branch;
    const onWait = (): void => {
      delivery.say('warn', 'The server cannot be reached for the repository; trying on.').catch(() => undefined);
    };
    const patience = { signal, patienceMs: TRANSPORT_PATIENCE_MS, onWait };
    const checkout = await house.cache.enter(repository.id, remote, patience, (cache) =>
      checkoutFrom(house.git, { cache, baseRef, mergeRefs: grant.merge_refs }, plan),
    );
    const from =
      checkout.baseSha === null ? 'a repository without commits' : `${baseRef} (${checkout.baseSha.slice(0, 12)})`;
    await delivery.say(
      'info',
      `Checked out ${repository.full_name ?? repository.id} on ${grant.branch}, from ${from}.`,
    );
    return checkout;
  } catch (error) {
    signal.throwIfAborted();
    const fault = await faultIn(directory.path, error, 'worktree');
    // No agent has begun that could have filled the disk.
    throw fault.reason === 'disk_full' ? fault.blamedOn('worker') : fault;
  }
}
