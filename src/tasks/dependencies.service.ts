import { Injectable } from '@nestjs/common';
import { organizationOf, type Principal } from '../auth/principal.js';
import { Database } from '../database/database.js';
import { brokenCursor, cursorParts, isCursorId, pageBy, type Page, type PageQuery } from '../http/page.js';
import { DependenciesStore } from './dependencies.store.js';
import type { Task } from './task.entity.js';
import {
  DependencyCycle,
  DependencyExists,
  DependencyNotFound,
  TaskStateConflict,
  TooManyDependencies,
  UnknownDependency,
} from './task.errors.js';
import { type LockedTask, TaskMovesService } from './task-moves.service.js';
import { MOST_DEPENDENCIES } from './tasks.input.js';
import { TasksService } from './tasks.service.js';

/** Which task waits for which, while it waits. */
@Injectable()
export class DependenciesService {
  constructor(
    private readonly store: DependenciesStore,
    private readonly tasks: TasksService,
    private readonly moves: TaskMovesService,
    private readonly database: Database,
  ) {}

  /** What a task waits for, in the order in which their branches are merged. */
  async list(principal: Principal, id: string): Promise<Task[]> {
    await this.tasks.find(principal, id);
    return this.store.findDependencies(id);
  }

  /**
   * Lets a task wait for another one. Throws DependencyCycle with the tasks that would wait for each other, also when
   * two requests close a cycle together.
   */
  async add(principal: Principal, id: string, dependsOnId: string): Promise<Task> {
    await this.tasks.find(principal, id);
    const organizationId = organizationOf(principal);
    return this.database.transaction(async () => {
      await this.store.lockGraph(organizationId);
      const task = assertWaiting(await this.moves.lockWhole(organizationId, id));
      const [dependency] = await this.store.lockDependencies(organizationId, [dependsOnId]);
      if (dependency === undefined) throw new UnknownDependency('depends_on_task_id', dependsOnId);
      const path = await this.store.findPath(dependsOnId, id);
      if (path !== null) throw new DependencyCycle([task, ...path]);
      const added = await this.store.insert([{ task_id: id, depends_on_id: dependsOnId }]);
      if (added === 0) throw new DependencyExists();
      if ((await this.store.countOf(id)) > MOST_DEPENDENCIES) throw new TooManyDependencies(MOST_DEPENDENCIES);
      return this.moves.reconsider(task, { skip: true });
    });
  }

  /** Lets a task not wait for another one any more. */
  async remove(principal: Principal, id: string, dependsOnId: string): Promise<void> {
    await this.tasks.find(principal, id);
    const organizationId = organizationOf(principal);
    await this.database.transaction(async () => {
      await this.store.lockGraph(organizationId);
      const task = assertWaiting(await this.moves.lockWhole(organizationId, id));
      if (!(await this.store.remove(id, dependsOnId))) throw new DependencyNotFound();
      await this.moves.reconsider(task, { skip: false });
    });
  }

  /** Tasks that wait for a task, the first created one first. Throws InvalidInput for a broken cursor. */
  async dependents<T>(
    principal: Principal,
    id: string,
    { cursor, limit }: PageQuery,
    present: (task: Task) => T,
  ): Promise<Page<T>> {
    await this.tasks.find(principal, id);
    const rows = await this.store.findDependents(id, readCursor(cursor), limit + 1);
    return pageBy(rows, limit, present, (task) => [CURSOR, task.id]);
  }
}

const CURSOR = 'dependents';

function readCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const [list, id] = cursorParts(cursor);
  if (list === CURSOR && isCursorId(id)) return id;
  throw brokenCursor();
}

function assertWaiting({ task }: LockedTask): Task {
  if (task.status === 'blocked' || task.status === 'pending') return task;
  const detail = `The task is ${task.status}: what it depends on matters no more.`;
  throw new TaskStateConflict('task/not-waiting', task.status, detail);
}
