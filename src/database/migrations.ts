import type { MigrationInterface } from 'typeorm';
import { Identity1790000000010 } from '../../migrations/1790000000010-identity.js';
import { Repositories1790000000020 } from '../../migrations/1790000000020-repositories.js';
import { Agents1790000000030 } from '../../migrations/1790000000030-agents.js';
import { Workers1790000000040 } from '../../migrations/1790000000040-workers.js';
import { Tasks1790000000050 } from '../../migrations/1790000000050-tasks.js';
import { Queue1790000000060 } from '../../migrations/1790000000060-queue.js';
import { Executions1790000000070 } from '../../migrations/1790000000070-executions.js';
import { Events1790000000080 } from '../../migrations/1790000000080-events.js';
import { Duties1790000000090 } from '../../migrations/1790000000090-duties.js';

/** Every migration in the order of its number. */
export const migrations: (new () => MigrationInterface)[] = [
  Identity1790000000010,
  Repositories1790000000020,
  Agents1790000000030,
  Workers1790000000040,
  Tasks1790000000050,
  Queue1790000000060,
  Executions1790000000070,
  Events1790000000080,
  Duties1790000000090,
];
