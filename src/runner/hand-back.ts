import { rm } from 'node:fs/promises';
import type { Checkout, Identity } from './checkout.js';
import type { Delivery } from './delivery.js';
import type { ExecutionDirectory } from './execution-directory.js';
import { faultIn, type Fault } from './fault.js';
import { persistently, type Remote } from './git-transport.js';
import type { House } from './house.js';
import type { Grant } from './protocol.js';
import { TrustedRepository, type Harvest } from './trusted-repository.js';

export interface HandBackPlan {
  readonly grant: Grant;
  readonly directory: ExecutionDirectory;
  readonly checkout: Checkout;
  readonly delivery: Delivery;
  /** Null for a task without a repository. */
  readonly remote: Remote | null;
  /** How long a server that is away is waited for. */
  readonly patienceMs: number;
  /** How long committing may take, and as long again putting a kept checkout in order. */
  readonly localMs: number;
  /** Files the worker put into the checkout, which are not to be committed. */
  readonly copied: readonly string[];
  readonly signal: AbortSignal;
}

export interface HandedBack {
  readonly baseSha: string | null;
  readonly commitSha: string | null;
  readonly commits: number;
  readonly filesChanged: number;
  readonly pushed: boolean;
  /** Whether the checkout holds what the commit does not; null when that could not be found out. */
  readonly dirty: boolean | null;
  /** Whether it holds commits that the server does not have; null when that could not be found out. */
  readonly unpushed: boolean | null;
  /** Why the checkout must stay; null when all of it is safe elsewhere. */
  readonly keep: string | null;
  readonly fault: Fault | null;
}

/** Commits what the agent left and pushes it. Never rejects: what goes wrong is part of the answer. */
export async function handBack(house: House, plan: HandBackPlan): Promise<HandedBack> {
  const { grant, checkout, directory, delivery } = plan;
  const cache = grant.repository === null ? null : house.cache.pathOf(grant.repository.id);
  const nothing = { baseSha: checkout.baseSha, commitSha: null, commits: 0, filesChanged: 0, pushed: false };
  const unknown = { dirty: null, unpushed: null };
  try {
    const trusted = await TrustedRepository.open(house.git, directory, checkout, cache, {
      signal: plan.signal,
      timeMs: plan.localMs,
      maxFileBytes: house.settings.runner.max_file_bytes,
      leaveOut: plan.copied,
    });
    const harvest = await trusted.collect(messageOf(grant), identityOf(grant), (text) => delivery.say('warn', text));
    const fault = await pushIfAny(trusted, harvest, plan);
    const reasons = [...harvest.uncovered, ...unsaved(harvest, fault, plan)];
    const keep = reasons.length === 0 ? null : reasons.join('; ');
    // A kept checkout is one that somebody will run git in.
    if (keep !== null) await trusted.settle(grant.branch, harvest.commitSha);
    const pushed = fault === null && plan.remote !== null && harvest.commits > 0;
    const dirty = harvest.uncovered.length > 0;
    return { ...nothing, ...harvest, pushed, dirty, unpushed: harvest.commits > 0 && !pushed, keep, fault };
  } catch (error) {
    const fault = await faultIn(directory.path, error, 'git');
    // A git that was ended may have left half a pack of any size. The agent's files and commits are in the checkout.
    await rm(directory.trustedGit, { recursive: true, force: true }).catch(() => undefined);
    return { ...nothing, ...unknown, keep: `its changes could not be committed: ${fault.message}`, fault };
  }
}

/** Who the commits of an agent are by. */
export function identityOf({ agent }: Grant): Identity {
  // Brackets and line breaks have a meaning in a commit, a leading dash has one on a command line.
  const name = agent.name
    .replace(/[<>\p{Cc}]/gu, ' ')
    .replace(/^[\s-]+/, '')
    .trim();
  return { name: name === '' ? 'agent' : name, email: `${agent.id.replace(/[^\w.-]/g, '-')}@agents.miyabi.invalid` };
}

/** Subject and trailers; the trailers are what the server later reads who did what from. */
export function messageOf({ task, agent, execution }: Grant): string {
  const trailers = [
    `Agent-Type: ${agent.agent_type}`,
    `Task: ${task.id}`,
    `Execution: ${execution.id}`,
    ...(task.issue_number === null ? [] : [`Issue: ${String(task.issue_number)}`]),
  ];
  return `${task.name.replace(/\s+/g, ' ').trim()}\n\n${trailers.join('\n')}\n`;
}

async function pushIfAny(trusted: TrustedRepository, harvest: Harvest, plan: HandBackPlan): Promise<Fault | null> {
  const { remote, grant, delivery, signal, patienceMs } = plan;
  if (harvest.commitSha === null || harvest.commits === 0) {
    await delivery.say('info', 'Nothing was changed.');
    return null;
  }
  const figures = `${String(harvest.commits)} commit(s), ${String(harvest.filesChanged)} file(s) changed`;
  await delivery.say('info', `Committed ${harvest.commitSha.slice(0, 12)}: ${figures}.`);
  if (remote === null) return null;
  try {
    const { commitSha } = harvest;
    const onWait = (): void => {
      delivery.say('warn', 'The server cannot be reached to take the branch; trying on.').catch(() => undefined);
    };
    await persistently(() => trusted.push(remote, commitSha, grant.branch, signal), { signal, patienceMs, onWait });
    await delivery.say('info', `Pushed as ${grant.branch}.`);
    return null;
  } catch (error) {
    return faultIn(plan.directory.path, error, 'git');
  }
}

function unsaved(harvest: Harvest, fault: Fault | null, { remote }: HandBackPlan): string[] {
  if (harvest.commits === 0) return [];
  if (remote === null) return ['the task has no repository to push to'];
  return fault === null ? [] : [`its branch was not pushed: ${fault.message}`];
}
