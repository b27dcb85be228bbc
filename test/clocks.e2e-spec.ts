import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Principal } from '../src/auth/principal.js';
import { LeaseSweepDuty } from '../src/executions/lease-sweep.duty.js';
import { LeaseReportStore } from '../src/queue/lease-report.store.js';
import { LogAppendStore } from '../src/queue/log-append.store.js';
import { WorkersService } from '../src/workers/workers.service.js';
import { WorkersStore, type WorkerView } from '../src/workers/workers.store.js';
import { SHIFTS, withWrongClock } from './clocks.js';
import { figure } from './figures.js';
import { registerWorker, signInPerson, type Answer } from './fleet.js';
import { PATIENCE_MS, size } from './scale.js';
import { startTestApp, type TestApp } from './test-app.js';

/** Another life of a worker at each of them. */
const LIVES = size({ full: 10, short: 1 });
const SHIFT_NAMES = SHIFTS.map(({ name }) => name).join(', ');

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp({ SWEEP_SECONDS: '600', SWEEP_GAP_SECONDS: '3600', RETRY_BASE_SECONDS: '0' });
  await server.sql.query(
    `insert into duty_runs (name, last_run_at, last_success_at) values ('lease-sweep', now(), now())`,
  );
});
afterAll(() => server.close());

/** Whether a condition holds of the lease of an execution; false too when there is none. */
async function lease(execution: string, condition: string): Promise<boolean> {
  const { rowCount } = await server.sql.query(`select 1 from leases where execution_id = $1 and ${condition}`, [
    execution,
  ]);
  return rowCount === 1;
}

/** Has the database move a time of a lease to so far from the very moment in which a sweep looks, and looks. */
const sweepAt = (execution: string, column: 'expires_at' | 'deadline_at', from: string): Promise<void> =>
  server.database.transaction(async () => {
    await server.database.query(`update leases set ${column} = now() ${from} where execution_id = $1`, [execution]);
    await server.app.get(LeaseSweepDuty, { strict: false }).runOnce();
  });

const said = ({ status, body }: Answer): string => `${String(status)} ${String(body['code'] ?? '')}`.trim();

/**
 * All that is decided by time in the life of a worker that sends its own times wherever it can: in the fields that
 * there are for it, and in others that a worker of another version may have.
 */
async function live(shiftSeconds: number): Promise<Record<string, unknown>> {
  const person = await signInPerson(server);
  const clock = (): string => new Date(Date.now() + shiftSeconds * 1000).toISOString();
  const times = () => {
    const now = clock();
    return { now, time: now, timestamp: now, sent_at: now, last_heartbeat: now, started_at: now, finished_at: now };
  };
  const worker = await registerWorker(server, { ...times(), registered_at: clock() });
  const view = async () => (await person.get(`/workers/${worker.id}`)).body as unknown as WorkerView;
  const seen: Record<string, unknown> = { 'health when registered': (await view()).health };

  for (let at = 0; at < 3; at += 1) await person.task({ max_retries: 3, priority: 'P0', timeout_seconds: 3600 });
  const [one, lost, slow] = (await worker.claim({ max: 3, ...times() })) as [Claim, Claim, Claim];
  seen['lease'] = await lease(one.execution_id, `expires_at between now() + '40 s' and now() + '60 s'`);
  seen['deadline'] = await lease(one.execution_id, `deadline_at between now() + '3500 s' and now() + '3600 s'`);

  await server.sql.query(`update leases set expires_at = now() + interval '5 s' where worker_id = $1`, [worker.id]);
  const executions = [one, lost, slow].map(({ execution_id }) => ({ id: execution_id, ...times() }));
  const metrics = { uptime_seconds: Math.abs(Math.round(shiftSeconds)), ...times() };
  seen['beat'] = said(await worker.post(`/workers/${worker.id}/heartbeat`, { ...times(), metrics, executions }));
  seen['renewed'] = await lease(one.execution_id, `expires_at between now() + '40 s' and now() + '60 s'`);
  seen['health'] = (await view()).health;

  const path = `/executions/${one.execution_id}`;
  const entries = [{ message: 'by my clock', logged_at: clock() }, { message: 'by yours' }];
  seen['log'] = said(await worker.post(`${path}/logs`, { offset: 0, entries, ...times() }));
  const progress = { progress: 50, checkpoint: times(), ...times() };
  seen['progress'] = said(await worker.post(`${path}/progress`, progress));
  seen['still renewed'] = await lease(one.execution_id, `expires_at between now() + '30 s' and now() + '60 s'`);

  await sweepAt(lost.execution_id, 'expires_at', '');
  seen['lease at its last moment'] = await lease(lost.execution_id, 'true');
  await sweepAt(lost.execution_id, 'expires_at', "- interval '1 microsecond'");
  seen['lease after it'] = await lease(lost.execution_id, 'true');
  seen['finish after it'] = said(await worker.finish(lost.execution_id, { outcome: 'completed', result: times() }));
  seen['lost'] = (await worker.beat([one.execution_id, lost.execution_id])).body['lost'];
  seen['lost'] = (seen['lost'] as string[]).length === 1 && (seen['lost'] as string[])[0] === lost.execution_id;

  await sweepAt(slow.execution_id, 'deadline_at', "- interval '20 s'");
  seen['time limit at its last moment'] = await lease(slow.execution_id, 'true');
  await sweepAt(slow.execution_id, 'deadline_at', "- interval '20.000001 s'");
  const { failure_reason } = (await person.get(`/executions/${slow.execution_id}`)).body;
  seen['time limit after it'] = failure_reason;

  const result = { outcome: 'completed', result: times(), ...times() };
  seen['finish'] = said(await worker.finish(one.execution_id, result));
  const { rows } = await server.sql.query<{ kept: boolean; status: string; attempts: number }>(
    `select t.status, t.attempts, e.started_at > now() - interval '1 min' and e.finished_at between e.started_at and now()
       and t.completed_at between e.started_at and now() and t.updated_at <= now() and o.at < now() as kept
     from tasks t join agent_executions e on e.task_id = t.id
     cross join lateral (select max(created_at) as at from event_outbox where subject->>'task_id' = t.id::text
       union all select max(created_at) from events where subject->>'task_id' = t.id::text) o
     where t.id = $1 and o.at is not null`,
    [one.task_id],
  );
  seen['task, by the times of the database'] = rows[0];
  await server.sql.query('delete from queue_entries');
  return seen;
}

type Claim = Awaited<ReturnType<Awaited<ReturnType<typeof registerWorker>>['claim']>>[number];

const VERDICTS = {
  'health when registered': 'unknown',
  lease: true,
  deadline: true,
  beat: '200',
  renewed: true,
  health: 'healthy',
  log: '200',
  progress: '200',
  'still renewed': true,
  'lease at its last moment': true,
  'lease after it': false,
  'finish after it': '409 execution/lease-lost',
  lost: true,
  'time limit at its last moment': true,
  'time limit after it': 'timeout',
  finish: '200',
  'task, by the times of the database': { status: 'completed', attempts: 1, kept: true },
};

/** Which verdicts are not what they should be. */
const wrongOf = (seen: Record<string, unknown>): string[] =>
  Object.entries(VERDICTS)
    .filter(([name, verdict]) => JSON.stringify(seen[name]) !== JSON.stringify(verdict))
    .map(([name]) => name);

/** Lives through all clocks; gives how many verdicts there were, and those that were wrong. */
async function liveAll(life: (seconds: number) => Promise<Record<string, unknown>>, lives = LIVES) {
  const wrong: string[] = [];
  let verdicts = 0;
  for (const { name, seconds } of SHIFTS)
    for (let at = 0; at < lives; at += 1) {
      wrong.push(...wrongOf(await life(seconds)).map((verdict) => `${name}: ${verdict}`));
      verdicts += Object.keys(VERDICTS).length;
    }
  return { verdicts, wrong };
}

describe('the clock of a worker', () => {
  it(
    'decides nothing, wherever it says its time',
    async () => {
      expect(await live(0)).toEqual(VERDICTS);
      const { verdicts, wrong } = await liveAll(live);
      figure(4, `verdicts that a worker's clock (${SHIFT_NAMES}) changes`, wrong.length, 'of', verdicts);
      expect(wrong).toEqual([]);
    },
    PATIENCE_MS,
  );

  it('that a lease goes by changes what is decided: this would be seen', async () => {
    const logs = server.app.get(LogAppendStore, { strict: false });
    logs.append = async (execution, worker, offset, entries) => {
      await server.sql.query(
        `update leases set expires_at = $2::timestamptz + interval '60 s' where execution_id = $1`,
        [execution, entries[0]?.logged_at],
      );
      return LogAppendStore.prototype.append.call(logs, execution, worker, offset, entries);
    };
    try {
      const { verdicts, wrong } = await liveAll(live, 1);
      figure(4, 'control: verdicts changed where a lease goes by what a worker says', wrong.length, 'of', verdicts);
      expect(wrong.length).toBeGreaterThanOrEqual(SHIFTS.length);
    } finally {
      Reflect.deleteProperty(logs, 'append');
    }
  });
});

describe('the clock of a server process', () => {
  const life = (seconds: number) => withWrongClock(seconds, () => live(0));

  it(
    'decides nothing about workers and tasks',
    async () => {
      const { verdicts, wrong } = await liveAll(life);
      figure(4, `verdicts that a server's clock (${SHIFT_NAMES}) changes`, wrong.length, 'of', verdicts);
      expect(wrong).toEqual([]);
    },
    PATIENCE_MS,
  );

  it('that a lease goes by changes what is decided: this would be seen', async () => {
    const leases = server.app.get(LeaseReportStore, { strict: false });
    leases.reportAll = async (reports) => {
      for (const { worker_id, lease_seconds } of reports)
        await server.sql.query(`update leases set expires_at = $2 where worker_id = $1`, [
          worker_id,
          new Date(Date.now() + (lease_seconds ?? 0) * 1000),
        ]);
      return [];
    };
    try {
      const { verdicts, wrong } = await liveAll(life, 1);
      figure(4, 'control: verdicts changed where a lease goes by the process', wrong.length, 'of', verdicts);
      expect(wrong.length).toBeGreaterThanOrEqual(SHIFTS.length);
    } finally {
      Reflect.deleteProperty(leases, 'reportAll');
    }
  });
});

describe('health', () => {
  const BOUNDS = [
    ['59.999', 'healthy'],
    ['60', 'degraded'],
    ['299.999', 'degraded'],
    ['300', 'unhealthy'],
  ] as const;

  /** The health of a worker that has been silent for exactly so long, by itself and where its list is filtered by it. */
  async function healthAt(seconds: string): Promise<{ alone: string; listed: string[] }> {
    const { id } = await registerWorker(server);
    const { organization_id } = await signInPerson(server);
    const principal = { kind: 'user', organization_id } as Principal;
    const workers = server.app.get(WorkersService, { strict: false });
    // The time of a transaction stands still.
    return server.database.transaction(async () => {
      await server.database.query(
        'update worker_liveness set last_heartbeat = now() - $2::interval where worker_id = $1',
        [id, `${seconds} s`],
      );
      const listed: string[] = [];
      for (const health of ['healthy', 'degraded', 'unhealthy', 'unknown']) {
        const { items } = await workers.list(principal, { health, limit: 1 }, (worker) => worker.id);
        if (items.includes(id)) listed.push(health);
      }
      return { alone: (await workers.find(principal, id)).health, listed };
    });
  }

  it('is exact to the millisecond', async () => {
    const found: string[] = [];
    for (const [seconds, health] of BOUNDS) {
      const at = await healthAt(seconds);
      found.push(`${seconds} s: ${at.alone}`);
      expect({ seconds, ...at }).toEqual({ seconds, alone: health, listed: [health] });
    }
    figure(4, 'health after a silence of', found.join(', '));
  });

  it('by whole seconds of the process is not: this would be seen', async () => {
    const store = server.app.get(WorkersStore, { strict: false });
    store.findOne = async (organization, id) => {
      const worker = await WorkersStore.prototype.findOne.call(store, organization, id);
      if (worker === null) return null;
      const silent = Math.round((Date.now() - (worker.last_heartbeat?.getTime() ?? 0)) / 1000);
      return { ...worker, health: silent < 60 ? 'healthy' : silent < 300 ? 'degraded' : 'unhealthy' };
    };
    try {
      expect((await healthAt('59.999')).alone).not.toBe('healthy');
    } finally {
      Reflect.deleteProperty(store, 'findOne');
    }
  });
});
