// Bare Express routes over the very services of the product: the same statements, without a framework, checks of bodies,
// shapes of answers, headers and a log.
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import { serve } from './serve.mjs';

const root = new URL('../../', import.meta.url);
const require = createRequire(new URL('../rivals/package.json', import.meta.url));
const express = (await import(pathToFileURL(require.resolve('express')).href)).default;
const pg = (await import(require.resolve('pg'))).default;
const built = (path) => import(new URL(`dist/src/${path}`, root).href);

serve({ open });

/** Serves the routes; answers with their address. */
async function open({ environment, organization_id = null }) {
  const { createApp } = await built('app.js');
  const { loadServerConfiguration } = await built('config/config.module.js');
  const services = await createApp(loadServerConfiguration(environment));
  await services.init();
  const find = (type) => services.get(type, { strict: false });
  const claims = find((await built('workers/claims.service.js')).ClaimsService);
  const finishes = find((await built('executions/finishes.service.js')).FinishesService);
  const callers = find((await built('auth/callers.service.js')).CallersService);
  const pool = new pg.Pool({ connectionString: environment.DATABASE_URL, max: Number(environment.DATABASE_POOL_MAX) });
  const never = new AbortController().signal;

  const app = express();
  app.use(express.json());
  const workerOf = (request) => callers.identify(request.headers.authorization.replace('Bearer ', ''));
  app.post('/claim', async (request, response) => {
    const said = { max: request.body.max, wait_seconds: 0, request_key: null, closed: never };
    response.json(await claims.claim(await workerOf(request), said));
  });
  app.post('/finish/:id', async (request, response) => {
    const wish = { id: request.params.id, report: request.body };
    response.json(await finishes.finish(await workerOf(request), wish));
  });
  app.get('/tasks/:id', async (request, response) => {
    const { rows } = await pool.query('select * from tasks where id = $1', [request.params.id]);
    response.json(rows[0]);
  });
  app.get('/tasks', async (request, response) => {
    const { rows } = await pool.query(
      'select * from tasks where organization_id = $1 order by created_at desc, id desc limit $2',
      [organization_id, request.query.limit],
    );
    response.json({ items: rows, next_cursor: null });
  });
  app.post('/jobs', async (request, response) => {
    const { name, priority, metadata } = request.body;
    const { rows } = await pool.query(
      'insert into bench_jobs (name, priority, metadata) values ($1, $2, $3) returning *',
      [name, priority, metadata],
    );
    response.status(201).json(rows[0]);
  });
  await pool.query(`create table if not exists bench_jobs (
    id uuid primary key default gen_random_uuid(), name text not null, priority text not null, metadata jsonb,
    status text not null default 'pending', created_at timestamptz not null default now())`);
  await pool.query('create index if not exists bench_jobs_ready_idx on bench_jobs (priority, created_at, id)');
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${server.address().port}`;
}
