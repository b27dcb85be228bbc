import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { answerText } from './answer-text.js';
import { registerWorker, type TestWorker } from './fleet.js';
import { RequestFuzzer, type Document, type FuzzedRequest, type Operation } from './request-fuzzer.js';
import { Scratch } from './scratch-git.js';
import { signIn } from './sign-in.js';
import { REGISTRATION_KEY, startTestApp, type TestApp } from './test-app.js';
import { withoutNetwork } from './without-network.js';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2400);
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const document = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as Document;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method];
    return operation ? [{ path, method: method.toUpperCase(), operation }] : [];
  }),
);
/** Give it again to see the same requests: `FUZZ_SEED=123 npm test -- test/fuzz.e2e-spec.ts`. */
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));

const ajv = new Ajv2020({ strict: false, validateFormats: true });
ajvFormats.default(ajv);
ajv.addSchema(document, 'document');
const validators = new Map<string, ReturnType<typeof ajv.compile>>();

let server: TestApp;
let worker: TestWorker;
let token: string;
const githubId = 1;
const scratch = new Scratch();

beforeAll(async () => {
  server = await startTestApp({
    GIT_ROOT: scratch.directory('mirrors'),
    LOCAL_REPOSITORY_ROOTS: scratch.path,
    SWEEP_SECONDS: '600',
    SWEEP_GAP_SECONDS: '3600',
  });
  worker = await registerWorker(server);
  token = (await signIn(server, githubId)).access_token;
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

async function credential(operation: Operation, fuzzer: RequestFuzzer): Promise<string> {
  if (operation.security.some((scheme) => 'worker' in scheme)) return worker.token;
  // These may end the session they are called with, and every other one of the person.
  if (['authLogout', 'sessionsRevoke'].includes(operation.operationId ?? ''))
    return (await signIn(server)).access_token;
  // Takes its session to another organization, where the token does not follow.
  if (operation.operationId === 'sessionsSwitchOrganization') return (await signIn(server, githubId)).access_token;
  if (operation.operationId === 'workersRegister' && fuzzer.chance(0.8)) return REGISTRATION_KEY;
  return fuzzer.chance(0.02) ? 'nonsense' : token;
}

/** What is wrong with an answer, null when nothing is. */
function complaint(operation: Operation, status: number, type: string | null, text: string): string | null {
  if (status >= 500) return 'is a fault of the server';
  const found = operation.responses[String(status)];
  if (found === undefined) return 'has a status that is not documented';
  const reference = typeof found['$ref'] === 'string' ? found['$ref'].slice(2).split('/') : null;
  const response = (reference?.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document) ??
    found) as { content?: Record<string, unknown> };
  const [documented] = Object.keys(response.content ?? {});
  if (documented === undefined) return text === '' ? null : 'has a body that is not documented';
  if (type?.split(';')[0] !== documented) return `has the content type ${String(type)}`;
  const place = reference ?? [
    'paths',
    pathOf.get(operation) ?? '',
    methodOf.get(operation) ?? '',
    'responses',
    String(status),
  ];
  const pointer = [...place, 'content', documented, 'schema'].map((key) =>
    key.replaceAll('~', '~0').replaceAll('/', '~1'),
  );
  const address = `document#/${pointer.map(encodeURIComponent).join('/')}`;
  const validate = validators.get(address) ?? ajv.compile({ $ref: address });
  validators.set(address, validate);
  const value: unknown = documented.includes('json') ? JSON.parse(text) : text;
  return validate(value) ? null : `breaks its schema: ${ajv.errorsText(validate.errors)}`;
}
const pathOf = new Map(operations.map(({ operation, path }) => [operation, path]));
const methodOf = new Map(operations.map(({ operation, method }) => [operation, method.toLowerCase()]));

it(
  `answers ${String(REQUESTS)} generated requests as documented, none with a fault of its own`,
  async () => {
    // Said before anything can fail, or run out of time.
    process.stdout.write(`fuzz: seed ${String(seed)}\n`);
    const fuzzer = new RequestFuzzer(document, seed);
    const repository = scratch.repository('project', ['feat: first', 'fix: second (#7)']);
    const statuses: Record<number, number> = {};
    const complaints = new Map<string, string>();
    let sent = 0;
    const send = async (
      method: string,
      operation: Operation,
      request: FuzzedRequest,
      bearer: string,
    ): Promise<void> => {
      const body = request.body === undefined ? undefined : withoutNetwork(request.body, repository);
      const answer = await fetch(server.url + request.path, {
        method,
        headers: { ...request.headers, Authorization: `Bearer ${bearer}` },
        body,
      });
      const text = await answerText(answer);
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      const fault = complaint(operation, answer.status, answer.headers.get('content-type'), text);
      if (fault !== null)
        complaints.set(
          `${operation.operationId} ${String(answer.status)} ${fault}`,
          `${method} ${request.path} ${body?.slice(0, 300) ?? ''} -> ${text.slice(0, 300)}`,
        );
      const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
      if (answer.ok && text !== '' && isJson) fuzzer.learn(request.path, JSON.parse(text));
    };
    for (; sent < REQUESTS; sent += 1) {
      const { path, method, operation } = operations[sent % operations.length] as (typeof operations)[number];
      // Nobody else's address is open to a worker.
      const own = path.startsWith('/api/v1/workers/{id}') && method === 'POST' && fuzzer.chance(0.9);
      const request = fuzzer.request(own ? path.replace('{id}', worker.id) : path, operation);
      await send(method, operation, request, await credential(operation, fuzzer));
    }
    process.stdout.write(`fuzz: ${String(sent)} requests, by status ${JSON.stringify(statuses)}\n`);
    expect([...complaints]).toEqual([]);
    expect(sent).toBeGreaterThanOrEqual(REQUESTS);
    // A fuzzer whose every request is refused at the door proves nothing.
    expect((statuses[200] ?? 0) + (statuses[201] ?? 0)).toBeGreaterThan(REQUESTS / 5);
  },
  // A machine that is busy with much else takes a tenth of a second for one.
  60_000 + REQUESTS * 100,
);
