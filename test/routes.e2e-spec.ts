import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { Controller, Get, Module, RequestMethod } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Allow, AllowWorker, Public } from '../src/auth/access.js';
import { AccessKeysService } from '../src/auth/access-keys.service.js';
import { PERMISSIONS } from '../src/auth/permissions.js';
import { RouteAccess, type RouteInfo } from '../src/auth/route-access.js';
import { IDEMPOTENCY, Idempotent, NotIdempotent, type Idempotency } from '../src/idempotency/idempotent.decorator.js';
import { newId } from '../src/ids.js';
import { signIn } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

interface ExpressRoute {
  route?: { path: string; methods: Record<string, boolean> };
}

let server: TestApp;
let routes: RouteInfo[];

beforeAll(async () => {
  server = await startTestApp();
  routes = server.app.get(RouteAccess, { strict: false }).routes();
});
afterAll(() => server.close());

const SOME_ID = newId();
const list = (value: string | string[] | undefined): string[] => (Array.isArray(value) ? value : [value ?? '']);
const metadata = (key: string, target: object): string | string[] | undefined =>
  Reflect.getMetadata(key, target) as string | string[] | undefined;

const filled = (path: string): string => path.replace(/:[a-z_]+/g, SOME_ID);

/** `GET /api/v1/tasks/<id>` for each path of a route. */
function addresses({ controller, handler }: RouteInfo): { method: string; path: string }[] {
  const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number] ?? '';
  return list(metadata(PATH_METADATA, controller)).flatMap((base) =>
    list(metadata(PATH_METADATA, handler)).map((path) => {
      const parts = [base, path].flatMap((part) => part.split('/')).filter((part) => part !== '');
      if (!/^(git|device|metrics|join\.sh|downloads)$/.test(parts[0] ?? '')) parts.unshift('api/v1');
      return { method, path: filled(`/${parts.join('/')}`) };
    }),
  );
}

const call = (method: string, path: string, token?: string, headers: Record<string, string> = {}) =>
  fetch(server.url + path, {
    method: method === 'ALL' ? 'GET' : method,
    headers: token === undefined ? headers : { ...headers, Authorization: `Bearer ${token}` },
  });

describe('every route', () => {
  it('says who may call it, in words that exist', () => {
    expect(routes.length).toBeGreaterThan(8);
    const known = new Set<string>(['public', 'signed-in', 'worker', 'coordinator', ...PERMISSIONS]);
    expect(routes.filter(({ access }) => access === undefined || !known.has(access)).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it('that is not public is a 401 without a token', async () => {
    const closed = routes.filter(({ access }) => access !== 'public');
    expect(closed.length).toBeGreaterThan(3);
    const open: string[] = [];
    for (const { method, path } of closed.flatMap(addresses)) {
      const answer = await call(method, path);
      const problem = (await answer.json()) as { code: string };
      if (answer.status !== 401 || problem.code !== 'auth/no-token' || !answer.headers.has('www-authenticate'))
        open.push(`${method} ${path}: ${String(answer.status)} ${problem.code}`);
    }
    expect(open).toEqual([]);
  });

  it('that is public is on this list, so that opening one is a decision', () => {
    expect(
      routes
        .filter(({ access }) => access === 'public')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(PUBLIC);
  });

  it('that is not for workers is a 403 with a worker token, and a 404 below the address of another worker', async () => {
    const keys = server.app.get(AccessKeysService, { strict: false });
    const { secret: token } = await keys.issueWorkerToken({ organization_id: null, worker_id: newId(), name: 'w1' });
    const open: string[] = [];
    // A worker registers itself again, and nobody else: test/join-tokens.e2e-spec.ts.
    const closed = routes.filter(({ access, name }) => access !== 'public' && name !== 'WorkersController.register');
    for (const route of closed) {
      for (const { method, path } of addresses(route)) {
        const { status } = await call(method, path, token);
        const ownOnly = route.access === 'worker' && path.includes(`/workers/${SOME_ID}`);
        const expected = ownOnly ? 404 : route.access === 'worker' ? status : 403;
        if (status !== expected) open.push(`${method} ${path}: ${String(status)}`);
      }
    }
    expect(open).toEqual([]);
  });

  it('of the HTTP server is one of these, but for the documents', () => {
    const { stack } = (server.app.getHttpAdapter().getInstance() as { router: { stack: ExpressRoute[] } }).router;
    const mounted = stack.flatMap(({ route }) => (route ? [route.path] : []));
    const known = new Set(routes.flatMap(addresses).map(({ path }) => path));
    // Nest's own answer for what the global prefix leaves out: a 404.
    known.add('/git/{*path}');
    const unknown = mounted
      .filter((path) => !known.has(filled(path)))
      .filter((path) => !/^\/api\/(docs|openapi)/.test(path));
    expect(unknown).toEqual([]);
  });
});

describe('every POST', () => {
  const posts = () => routes.filter((route) => addresses(route).some(({ method }) => method === 'POST'));
  const meaning = ({ handler }: RouteInfo) => Reflect.getMetadata(IDEMPOTENCY, handler) as Idempotency | undefined;

  it('takes or refuses an Idempotency-Key, or creates nothing', () => {
    const silent = posts().filter((route) => meaning(route) === undefined);
    expect(silent.map(({ name }) => name).sort()).toEqual(Object.keys(CREATES_NOTHING).sort());
  });

  it('that answers a secret refuses an Idempotency-Key, whatever else is sent', async () => {
    const refusing = posts().filter((route) => meaning(route) === 'refused');
    expect(refusing.map(({ name }) => name).sort()).toEqual(ANSWERS_A_SECRET);
    const { access_token } = await signIn(server);
    for (const { method, path } of refusing.flatMap(addresses)) {
      const answer = await call(method, path, access_token, { 'Idempotency-Key': 'mine' });
      const { code } = (await answer.json()) as { code: string };
      expect([path, answer.status, code]).toEqual([path, 400, 'idempotency/refused']);
    }
  });
});

describe('an application', () => {
  @Controller('forgotten')
  class ForgottenController {
    @Get()
    @Public()
    known(): string {
      return '';
    }

    @Get('open')
    forgotten(): string {
      return '';
    }
  }

  @Module({ imports: [DiscoveryModule], controllers: [ForgottenController], providers: [RouteAccess] })
  class ForgottenModule {}

  it('does not start with a route that says nothing', async () => {
    const app = (await Test.createTestingModule({ imports: [ForgottenModule] }).compile()).createNestApplication({
      logger: false,
    });
    await expect(app.init()).rejects.toThrow(/ForgottenController\.forgotten$/);
  });

  it('cannot be written with a route that says two things', () => {
    const handler = { value: () => undefined };
    Allow('tasks.read')({}, 'create', handler);
    expect(() => Public()({}, 'create', handler)).toThrow('create says twice');
    expect(() => AllowWorker()({}, 'create', handler)).toThrow('create says twice');
    Idempotent()({}, 'create', handler);
    expect(() => NotIdempotent()({}, 'create', handler)).toThrow('create says twice');
  });
});

const PUBLIC = [
  'AuthController.mockLogin',
  'AuthController.refresh',
  // The page on which people approve devices: static files.
  'DevicePageController.page',
  'DevicePageController.script',
  'DevicePageController.style',
  // A device has no other credentials than its code.
  'DeviceSignInController.begin',
  'DeviceSignInController.exchange',
  // What a machine fetches before it has anything to show.
  'DownloadsController.cli',
  'DownloadsController.script',
  // Git speaks Basic, which its own service checks: test/git-http.e2e-spec.ts.
  'GitHttpController.advertise',
  'GitHttpController.receivePack',
  'GitHttpController.snapshot',
  'GitHttpController.uploadPack',
  'GithubController.begin',
  'GithubController.callback',
  'HealthController.health',
  'HealthController.live',
  'HealthController.ready',
  'MetricsController.metrics',
  'SignInMethodsController.list',
];

const ANSWERS_A_SECRET = [
  'ApiKeysController.create',
  'AuthController.mockLogin',
  'AuthController.refresh',
  'CoordinatorsController.register',
  'DeviceSignInController.begin',
  'DeviceSignInController.exchange',
  'JoinTokensController.create',
  'SessionsController.switchOrganization',
  'WorkerControlsController.rotateToken',
  'WorkersController.register',
];

/** Sent twice, these come to the same, or are refused the second time by the state of what they are about. */
const CREATES_NOTHING = {
  'AuthController.logout': 'ends a session, once',
  'CoordinatorsController.drain': 'says how things are to be',
  'CoordinatorsController.heartbeat': 'says how things are',
  'DeviceSignInController.answer': 'answers a device, once',
  'DeviceSignInController.lookUp': 'reads',
  'FleetController.pause': 'says how things are to be',
  'FleetController.resume': 'says how things are to be',
  'GitHttpController.receivePack': 'moves branches, as git has it',
  'GitHttpController.snapshot': 'takes the place of the one before',
  'GitHttpController.uploadPack': 'reads',
  'InvitationsController.accept': 'answers an invitation, once',
  'InvitationsController.decline': 'answers an invitation, once',
  'MembersController.transfer': 'changes roles, once',
  'OutsideWorkController.complete': 'ends a task, once',
  'OutsideWorkController.fail': 'ends a task, once',
  'OutsideWorkController.start': 'begins a task, once',
  'ProtocolController.claim': 'has a `request_key` of its own',
  'ProtocolController.exchange': 'is made of words that may each be said again',
  'ProtocolController.heartbeat': 'says how things are',
  'ReportsController.finish': 'ends an execution; the same once more is answered alike',
  'ReportsController.logs': 'tells by `offset` what is stored already',
  'ReportsController.progress': 'says how things are',
  'RepositoriesController.sync': 'fetches what there is',
  'TaskBatchesController.act': 'changes tasks, each by its state',
  'WorktreeRemovalController.cleanUp': 'removes what may go; what is gone is not found again',
  'TasksController.cancel': 'ends a task, once',
  'TasksController.retry': 'begins a task anew, once',
  'WorkerControlsController.drain': 'says how things are to be',
  'WorkerControlsController.pause': 'says how things are to be',
  'WorkerControlsController.resume': 'says how things are to be',
};
