// Records that years of use would leave, written by SQL: over the API they would take hours.

const STEP = 100_000;

/**
 * Tasks that have been completed by a worker, with their executions.
 * @param {import('./ground.mjs').Ground} ground
 * @param {{ site: import('./site.mjs').Site, database_url: string }} where
 * @param {number} count
 * @param {(text: string) => void} say
 */
export async function finishedTasks(ground, { site, database_url }, count, say) {
  await site.call('POST', '/tasks', { name: 'The first', agent_type: 'note' });
  const [worker] = site.workers;
  for (let done = 0; done < count; done += STEP) {
    say(`finished tasks: ${done.toLocaleString('en')} of ${count.toLocaleString('en')}`);
    await ground.query(
      database_url,
      `with first as (select * from tasks limit 1), made as (
         insert into tasks (id, organization_id, actor, name, status, priority, agent_type, run_at, worker_id,
           current_execution_id, attempts, lane_id, created_at, updated_at, started_at, completed_at)
         select uuidv7(at.age), f.organization_id, f.actor, 'Task ' || n, 'completed', 'P2', 'note', now() + at.age,
           $1::uuid, uuidv7(at.age + interval '1 minute'), 1, f.lane_id, now() + at.age, now() + at.age,
           now() + at.age + interval '1 minute', now() + at.age + interval '5 minutes'
         from first f, generate_series($2::integer + 1, $3::integer) n,
           lateral (select make_interval(secs => (n - $4::integer) * 2.0) - interval '1 day' as age) at
         returning *
       )
       insert into agent_executions (id, organization_id, task_id, attempt, agent_type, worker_id, status, started_at,
         finished_at, branch, log_entries)
       select current_execution_id, organization_id, id, 1, agent_type, worker_id, 'completed', started_at, completed_at,
         'task/' || id || '-a1', 0
       from made`,
      [worker.id, done, Math.min(done + STEP, count), count],
    );
  }
  await ground.query(database_url, 'vacuum analyze tasks, agent_executions');
}

/**
 * Tasks that wait for a worker.
 * @param {import('./ground.mjs').Ground} ground
 * @param {{ site: import('./site.mjs').Site, database_url: string }} where
 * @param {number} count
 * @param {(text: string) => void} say
 */
export async function readyTasks(ground, { site, database_url }, count, say) {
  await site.fill(1);
  for (let done = 0; done < count; done += STEP) {
    say(`ready tasks: ${done.toLocaleString('en')} of ${count.toLocaleString('en')}`);
    await ground.query(
      database_url,
      `with first as (select * from tasks where status = 'pending' limit 1), made as (
         insert into tasks (id, organization_id, actor, name, status, priority, agent_type, run_at, lane_id)
         select uuidv7(), f.organization_id, f.actor, 'Task ' || n, 'pending', 'P2', 'note', now(), f.lane_id
         from first f, generate_series(1, $1::integer) n
         returning *
       )
       insert into queue_entries (task_id, lane_id, priority, run_at) select id, lane_id, priority, run_at from made`,
      [Math.min(STEP, count - done)],
    );
  }
  await ground.query(database_url, 'vacuum analyze tasks, queue_entries');
}
