import { Engine } from './engine.js';
import { registerWorker, signInPerson, type Answer, type TestPerson, type TestWorker } from './fleet.js';
import { startTestApp, type TestApp } from './test-app.js';
import { WorkerSocket } from './worker-socket.js';

/** What came of a word: its receipt, or the problem. */
export interface Said {
  /** Status of the problem; 200 when it was taken. */
  status: number;
  code: string | null;
  body: Record<string, unknown>;
}

/** One way in which a worker may speak; all of them must understand the same. */
export interface WorkerWay {
  name: string;
  worker: TestWorker;
  heartbeat(body: object): Promise<Said>;
  claim(body: object): Promise<Said>;
  logs(execution: string, body: object): Promise<Said>;
  progress(execution: string, body: object): Promise<Said>;
  finish(execution: string, body: object): Promise<Said>;
  close(): Promise<void>;
}

export interface ChannelWay extends WorkerWay {
  channel: WorkerSocket;
}

export const saidOf = ({ status, body }: Answer): Said => ({
  status,
  code: typeof body['code'] === 'string' ? body['code'] : null,
  body,
});

/** Each verb on its own route. */
export async function plainWay(server: TestApp, description: object = {}): Promise<WorkerWay> {
  const worker = await registerWorker(server, description);
  const post = async (path: string, body: object): Promise<Said> => saidOf(await worker.post(path, body));
  return {
    name: 'plain',
    worker,
    heartbeat: (body) => post(`/workers/${worker.id}/heartbeat`, body),
    claim: (body) => post(`/workers/${worker.id}/claim`, body),
    logs: (id, body) => post(`/executions/${id}/logs`, body),
    progress: (id, body) => post(`/executions/${id}/progress`, body),
    finish: (id, body) => post(`/executions/${id}/finish`, body),
    close: () => Promise.resolve(),
  };
}

/** Each verb as the only item of an exchange. */
export async function exchangeWay(server: TestApp, description: object = {}): Promise<WorkerWay> {
  const worker = await registerWorker(server, description);
  const exchange = async (body: object): Promise<Said> =>
    saidOf(await worker.post(`/workers/${worker.id}/exchange`, body));
  const item = async (kind: 'logs' | 'progress' | 'finish', execution_id: string, body: object): Promise<Said> => {
    const answer = await exchange({ [kind]: [{ ...body, execution_id }] });
    const [receipt] = (answer.body[kind] ?? []) as Record<string, unknown>[];
    return receipt === undefined ? answer : saidOfItem({ ...signalsOf(answer.body), ...receipt });
  };
  return {
    name: 'exchange',
    worker,
    // An exchange renews no lease: a heartbeat is a heartbeat on every way.
    heartbeat: async (body) => saidOf(await worker.post(`/workers/${worker.id}/heartbeat`, body)),
    claim: (body) => exchange({ claim: body }),
    logs: (id, body) => item('logs', id, body),
    progress: (id, body) => item('progress', id, body),
    finish: (id, body) => item('finish', id, body),
    close: () => Promise.resolve(),
  };
}

/** Each verb as a message of the worker's own connection. */
export async function channelWay(server: TestApp, description: object = {}, key?: string): Promise<ChannelWay> {
  const worker = await registerWorker(server, description, key);
  const channel = await WorkerSocket.open(server.url, worker.token);
  const say = async (type: string, body: object): Promise<Said> => saidOfItem(await channel.ask({ type, ...body }));
  return {
    name: 'channel',
    worker,
    channel,
    heartbeat: (body) => say('heartbeat', body),
    claim: (body) => say('claim', body),
    logs: (id, body) => say('logs', { ...body, execution_id: id }),
    progress: (id, body) => say('progress', { ...body, execution_id: id }),
    finish: (id, body) => say('finish', { ...body, execution_id: id }),
    close: () => channel.close(),
  };
}

/** For tests of what has to be the same on each. */
export const WAYS = [
  ['plain routes', plainWay],
  ['exchanges', exchangeWay],
  ['a channel', channelWay],
] as const;

/** A server, somebody who gives work, and what moves its time. */
export async function openServer(): Promise<{ server: TestApp; ada: TestPerson; engine: Engine }> {
  const server = await startTestApp();
  const ada = await signInPerson(server);
  return { server, ada, engine: new Engine(server, ada) };
}

const signalsOf = ({ cancel, lost, desired_status }: Record<string, unknown>) => ({ cancel, lost, desired_status });

/** A receipt with a problem is what the answer would be on a route of its own. */
export function saidOfItem(receipt: Record<string, unknown>): Said {
  const problem = receipt['problem'] as Record<string, unknown> | undefined;
  if (problem === undefined) return { status: 200, code: null, body: receipt };
  return { status: Number(problem['status']), code: String(problem['code']), body: { ...receipt, ...problem } };
}
