import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { figure } from './figures.js';
import { fillDatabase, FILLED, SMALL } from './filled-database.js';
import { GithubStandIn } from './github-stand-in.js';
import { EXCEPTIONS, exceptionFor, UNINDEXED } from './query-plan-exceptions.js';
import { PlanChecks, unindexedForeignKeys, type Finding } from './query-plans.js';
import { RouteVisits } from './route-visits.js';
import { PATIENCE_MS } from './scale.js';
import { Scratch } from './scratch-git.js';
import { methodsOfStores, placesOfStores, StatementRecorder } from './store-statements.js';
import { runDuties, visitStores } from './store-visits.js';
import { startTestApp, type TestApp } from './test-app.js';
import { Matrix } from './verify-matrix.js';
import { Site } from './verify-site.js';

let server: TestApp;
let recorder: StatementRecorder;
let checks: PlanChecks;
let unknownTables: string[];
let findings: Finding[];
const scratch = new Scratch();
const github = new GithubStandIn();

beforeAll(async () => {
  await github.start();
  server = await startTestApp({
    ...github.environment,
    GIT_ROOT: scratch.directory('mirrors'),
    LOCAL_REPOSITORY_ROOTS: scratch.path,
    SWEEP_SECONDS: '600',
    SWEEP_GAP_SECONDS: '3600',
    TASK_RETENTION_DAYS: '27',
    LOG_RETENTION_DAYS: '27',
    EVENT_RETENTION_DAYS: '27',
    COORDINATOR_METRIC_RETENTION_DAYS: '8',
    // Counted, and never reached.
    SIGN_IN_LIMIT_PER_ADDRESS: '100000',
  });
  const site = await Site.found(server);
  unknownTables = await fillDatabase(server.sql, site.organization_id);
  checks = await PlanChecks.over(server.sql);
  recorder = new StatementRecorder(server.app);
  await ask(site);
  recorder.stop();
  findings = await checks.findings(recorder.statements);
  // The machine may be busy with everything else.
}, 2 * PATIENCE_MS);
afterAll(async () => {
  await server.close();
  await github.stop();
  scratch.remove();
});

/** Everything that an application asks its database. */
async function ask(site: Site): Promise<void> {
  const matrix = await Matrix.prepare(server, scratch, site);
  expect((await matrix.run(['owner', 'worker', 'coordinator'])).mismatches).toEqual([]);
  const visits = new RouteVisits(server, site);
  await visits.read();
  await visits.rehearseActions();
  await visits.work();
  await visits.repeat();
  await visits.signIn(github);
  await visitStores(server, site.organization_id);
  await runDuties(server);
  // The first sweep finds a gap before it, in which no lease ends.
  await server.sql.query('update duty_runs set grace_until = null');
  await runDuties(server);
}

const told = ({ name, what, sql, parameters }: Finding): string =>
  `${name} ${what}\n${sql}\n${JSON.stringify(parameters).slice(0, 300)}`;

describe('every statement of every store, over a filled database', () => {
  it('was asked for: each method, and each place in it', () => {
    expect(recorder.unseen(methodsOfStores(server.app))).toEqual([]);
    expect(recorder.unseen(placesOfStores())).toEqual([]);
    // Wake-up hints, which read nothing.
    expect([...new Set(recorder.strays)]).toEqual(['select pg_notify($1, payload) from unnest($2::text[]) as payload']);
    figure(null, 'statements of stores that the planner was asked about', recorder.statements.length);
  });

  it('finds big tables: all but those that stay small', () => {
    expect(unknownTables).toEqual([]);
    expect(FILLED.filter((name) => !checks.big.has(name))).toEqual([]);
    expect(Object.keys(SMALL).filter((name) => checks.big.has(name))).toEqual([]);
  });

  it('reads no big table as a whole and touches few pages, but for those named with a reason', () => {
    const bad = findings.filter((finding) => exceptionFor(finding) === undefined);
    expect(bad.map(told)).toEqual([]);
  });

  it('needs every exception that is named', () => {
    const used = new Set(findings.map(exceptionFor));
    expect(EXCEPTIONS.filter((exception) => !used.has(exception))).toEqual([]);
  });

  it('finds what refers to a row that is deleted by an index', async () => {
    expect(await unindexedForeignKeys(server.sql)).toEqual(Object.keys(UNINDEXED).sort());
  });
});

describe('the checks, on a database that is broken', () => {
  it.each([
    ['tasks_page_idx', 'TaskListsStore.findPage'],
    ['agent_executions_task_id_idx', 'ClaimStore.findHeritage'],
    ['leases_worker_id_idx', 'LeasesStore.lockByWorker'],
    ['sessions_user_id_idx', 'SessionsStore.revokeAllOf'],
    ['queue_entries_order_idx', 'ClaimStore.claimAll'],
  ])('name without the index %s the statement %s', async (index, name) => {
    const before = new Set(findings.map(told));
    const own = recorder.statements.filter((statement) => statement.name === name);
    const after = await checks.findings(own, `drop index ${index}`);
    const lost = after.filter((finding) => !before.has(told(finding)) && exceptionFor(finding) === undefined);
    expect(lost.map((finding) => finding.name)).toContain(name);
  });

  it('name a method and a place that nobody has asked', () => {
    expect(recorder.unseen(['TasksStore.findOne', 'TasksStore.forgotten', 'tasks.store.ts:1'])).toEqual([
      'TasksStore.forgotten',
      'tasks.store.ts:1',
    ]);
  });
});
