import { Injectable } from '@nestjs/common';
import { ExecutionsService } from '../executions/executions.service.js';
import type { CommitObject } from '../git/commit-object.js';
import { isId } from '../ids.js';
import { TasksService, type Task } from '../tasks/tasks.service.js';
import { TRACES, type Trace } from './task-traces.js';

/** What a commit tells of tasks. */
export interface TracedCommit {
  sha: string;
  /** The task that its trailer names. */
  task_id: string | null;
  /** The branches that it says it has merged. */
  merged: readonly string[];
}

/** A task, and what it was found by. */
export interface DeliveredTask {
  task: Task;
  found_by: Trace[];
}

export interface Delivery {
  tasks: DeliveredTask[];
  /** Whether there were no more than are told of. */
  complete: boolean;
}

const MOST_TASKS = 1000;
// The trailer with which the runner ends the message of what an agent has made.
const TASK = /^Task:[ \t]*([0-9a-f-]{36})[ \t]*$/gim;
/** A branch of an execution in the first line of a merge, behind a quote, or the name of a remote or of an owner. */
const BRANCH = /(?<=['"/ ])task\/[a-z0-9-]{1,60}-[0-9a-f]{8}(?:-a\d{1,6})?(?=['"\s]|$)/g;
const TAIL = /-([0-9a-f]{8})(?:-a\d+)?$/;

/** Id of the task that a message names in its trailer, which anybody may write; of several the last. */
export function taskIn(message: string): string | null {
  const id = [...message.matchAll(TASK)].at(-1)?.[1]?.toLowerCase() ?? '';
  return isId(id) ? id : null;
}

/** Branches of executions that a merge says it has merged. */
export function branchesIn({ parents, message }: Pick<CommitObject, 'parents' | 'message'>): string[] {
  if (parents.length < 2) return [];
  return [...(message.split('\n')[0] ?? '').matchAll(BRANCH)].map(([name]) => name);
}

/** Which tasks have been worked on in some commits. */
@Injectable()
export class DeliveredTasks {
  constructor(
    private readonly executions: ExecutionsService,
    private readonly tasks: TasksService,
  ) {}

  /**
   * Tasks that messages name, that have left one of the commits, or whose branch was merged. Anybody may write any name
   * into a message: only tasks of this repository, which are the organization's, are told of.
   */
  async of(organizationId: string, repositoryId: string, commits: readonly TracedCommit[]): Promise<Delivery> {
    const traces = new Map<string, Set<Trace>>();
    const add = (id: string, trace: Trace): void => {
      traces.set(id, (traces.get(id) ?? new Set()).add(trace));
    };
    for (const { task_id } of commits) if (task_id !== null) add(task_id, 'trailer');
    const branches = [...new Set(commits.flatMap(({ merged }) => merged))].slice(0, MOST_TASKS + 1);
    if (commits.length > 0) {
      const ids = commits.map(({ sha }) => sha);
      for (const id of await this.executions.findTasksByCommits(organizationId, repositoryId, ids, MOST_TASKS + 1))
        add(id, 'commit');
    }
    if (branches.length > 0) {
      for (const { branch, task_id } of await this.executions.findByBranches(organizationId, repositoryId, branches))
        if (task_id.slice(-8) === TAIL.exec(branch)?.[1]) add(task_id, 'branch');
    }
    const wanted = [...traces.keys()].slice(0, MOST_TASKS);
    const found = wanted.length === 0 ? [] : await this.tasks.findByIds(wanted);
    return {
      tasks: found
        .filter((task) => task.organization_id === organizationId && task.repository_id === repositoryId)
        .map((task) => ({ task, found_by: TRACES.filter((trace) => traces.get(task.id)?.has(trace)) })),
      complete: traces.size <= MOST_TASKS && branches.length <= MOST_TASKS,
    };
  }
}
