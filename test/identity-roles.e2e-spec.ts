import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ACCESS } from '../src/auth/access.js';
import { RouteAccess } from '../src/auth/route-access.js';
import { RepositoriesService } from '../src/repositories/repositories.service.js';
import { RepositoriesStore } from '../src/repositories/repositories.store.js';
import { TasksController } from '../src/tasks/tasks.controller.js';
import { TasksStore } from '../src/tasks/tasks.store.js';
import { operations } from './document-operations.js';
import { figure } from './figures.js';
import { GithubStandIn } from './github-stand-in.js';
import { PATIENCE_MS } from './scale.js';
import { Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';
import { CALLERS, EXCEPTIONS, NEVER_SUCCEEDING } from './verify-callers.js';
import { Matrix } from './verify-matrix.js';

let server: TestApp;
let matrix: Matrix;
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
  });
  matrix = await Matrix.prepare(server, scratch);
});
afterAll(async () => {
  await server.close();
  await github.stop();
  scratch.remove();
});

/** Routes that are not in the document, and where it is proven who may use them. */
const ELSEWHERE_PROVEN = {
  'DevicePageController.page': 'test/device-page.e2e-spec.ts',
  'DevicePageController.script': 'test/device-page.e2e-spec.ts',
  'DevicePageController.style': 'test/device-page.e2e-spec.ts',
  'DownloadsController.cli': 'test/downloads.e2e-spec.ts',
  'DownloadsController.script': 'test/downloads.e2e-spec.ts',
  'GitHttpController.advertise': 'test/git-refusals.e2e-spec.ts',
  'GitHttpController.receivePack': 'test/git-refusals.e2e-spec.ts',
  'GitHttpController.snapshot': 'test/running-checkouts.e2e-spec.ts',
  'GitHttpController.uploadPack': 'test/git-refusals.e2e-spec.ts',
};

/** `TasksController.create` is the operation `tasksCreate`; `HealthController.health` is `health`. */
function operationOf(name: string): string {
  const [controller = '', method = ''] = name.split('.');
  const feature = controller.charAt(0).toLowerCase() + controller.slice(1).replace(/Controller$/, '');
  return feature === method ? method : feature + method.charAt(0).toUpperCase() + method.slice(1);
}

/** Runs with a handler that demands something else than it says. */
async function weakened<T>(handler: object, access: string, work: () => Promise<T>): Promise<T> {
  const before: unknown = Reflect.getMetadata(ACCESS, handler);
  Reflect.defineMetadata(ACCESS, access, handler);
  try {
    return await work();
  } finally {
    Reflect.defineMetadata(ACCESS, before, handler);
  }
}

const operationsOf = (mismatches: readonly string[]): string[] => [
  ...new Set(mismatches.map((line) => line.split(' ')[0] ?? '')),
];

describe('every operation of the document, called by everybody', () => {
  it(
    'lets through whom its demand and the table of roles let through, and nobody else',
    async () => {
      const { calls, mismatches, succeeded, used } = await matrix.run();
      figure(15, 'operations × callers', operations.length, '×', CALLERS.length, '=', calls);
      figure(15, 'mismatches in the role matrix', mismatches.length);
      expect(mismatches).toEqual([]);
      expect(calls).toBe(operations.length * CALLERS.length);
      // A matrix of requests that all fail behind the guard would prove little.
      const never = operations.map(({ id }) => id).filter((id) => !succeeded.has(id));
      expect(never.sort()).toEqual(Object.keys(NEVER_SUCCEEDING).sort());
      const idle = EXCEPTIONS.flatMap((exception) =>
        exception.operations.filter((id) => used.get(exception)?.has(id) !== true),
      );
      expect(idle).toEqual([]);
    },
    PATIENCE_MS,
  );

  it('leaves out no route of the server', () => {
    const routes = server.app.get(RouteAccess, { strict: false }).routes();
    const documented = new Set(operations.map(({ id }) => id));
    const left = routes.map(({ name }) => name).filter((name) => !documented.has(operationOf(name)));
    expect(left.sort()).toEqual(Object.keys(ELSEWHERE_PROVEN).sort());
  });

  it(
    'makes no difference between things of others and nothing, wherever a request names them',
    async () => {
      const { tried, differences } = await matrix.tryReferences();
      figure(15, 'places that take ids of others, told from nothing', differences.length, 'of', tried);
      expect(differences).toEqual([]);
      expect(tried).toBeGreaterThan(5);
    },
    PATIENCE_MS,
  );
});

describe('the matrix, on a server that is broken', () => {
  it(
    'finds the one route that is open to everybody',
    async () => {
      const run = () => matrix.run(['nobody', 'viewer', 'key without it', 'worker']);
      const { mismatches } = await weakened(TasksController.prototype.delete, 'public', run);
      expect(operationsOf(mismatches)).toEqual(['tasksDelete']);
      expect(mismatches).toHaveLength(4);
      figure(15, 'control: one route made public', 'found in', mismatches.length, 'of 4 callers, no other route named');
    },
    PATIENCE_MS,
  );

  it(
    'finds the one route that asks for less',
    async () => {
      const { mismatches } = await weakened(TasksController.prototype.update, 'tasks.read', () =>
        matrix.run(['viewer']),
      );
      expect(mismatches.map((line) => line.split(':')[0])).toEqual(['tasksUpdate as viewer']);
    },
    PATIENCE_MS,
  );

  it(
    'finds the one query that forgets whose the thing is',
    async () => {
      const store = server.app.get(TasksStore);
      const findOne = store.findOne.bind(store);
      store.findOne = async (_, id) => findOne(await organizationOf('tasks', id), id);
      const { mismatches } = await matrix
        .run(['owner elsewhere'])
        .finally(() => Reflect.deleteProperty(store, 'findOne'));
      expect(operationsOf(mismatches)).toEqual(expect.arrayContaining(['tasksGet']));
      expect(operationsOf(mismatches).filter((id) => !id.startsWith('task'))).toEqual([]);
      figure(15, 'control: one query made blind to tenants', 'found in', operationsOf(mismatches).join(', '));
    },
    PATIENCE_MS,
  );

  it(
    'finds the one field that takes things of others',
    async () => {
      const store = server.app.get(RepositoriesStore);
      const findOwn = store.findOwn.bind(store);
      store.findOwn = async (_, id) => findOwn(await organizationOf('repositories', id), id);
      // Tasks look all repositories of a batch up at once.
      const service = server.app.get(RepositoriesService);
      service.findOwn = (_, ids) => store.findMany(ids);
      const { differences } = await matrix.tryReferences().finally(() => {
        Reflect.deleteProperty(store, 'findOwn');
        Reflect.deleteProperty(service, 'findOwn');
      });
      expect(differences.map((line) => line.split(':')[0])).toEqual(
        expect.arrayContaining(['tasksCreate repository_id']),
      );
      expect(differences.filter((line) => !line.includes('repository_id'))).toEqual([]);
    },
    PATIENCE_MS,
  );
});

/** Whose it is, which a query must not take from the thing itself. */
async function organizationOf(table: 'tasks' | 'repositories', id: string): Promise<string> {
  const { rows } = await server.sql.query<{ organization_id: string }>(`select * from ${table} where id = $1`, [id]);
  return rows[0]?.organization_id ?? id;
}
