import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { RunnerInProcess } from './runner-in-process.js';
import { size } from './scale.js';
import { startTestApp, type TestApp } from './test-app.js';

/** So rare that nothing in here is owed to a heartbeat. */
const RARE_HEARTBEATS = { HEARTBEAT_SECONDS: '600', LEASE_SECONDS: '1200', SCRIPT_TASKS: 'on' };

let server: TestApp;
let ada: TestPerson;

beforeAll(async () => {
  server = await startTestApp(RARE_HEARTBEATS);
  ada = await signInPerson(server);
});
afterAll(() => server.close());

/** A runner of Ada's organization, and what one does with it. */
class Led {
  private readonly label = randomUUID();
  private readonly runner: RunnerInProcess;
  id = '';

  private constructor(channel: 'on' | 'off') {
    this.runner = new RunnerInProcess(server, server.url, {
      MIYABI_KEY: ada.token,
      MIYABI_WORKER_SCOPE: 'organization',
      MIYABI_WORKER_NAME: this.label,
      MIYABI_LABELS: this.label,
      MIYABI_CAPACITY: '1',
      MIYABI_CHANNEL: channel,
    });
  }

  static async start(channel: 'on' | 'off' = 'on'): Promise<Led> {
    const led = new Led(channel);
    await eventually('it has registered', async () => {
      const { items } = (await ada.get(`/workers?label=${led.label}`)).body as { items: { id: string }[] };
      led.id = items[0]?.id ?? '';
      return led.id !== '';
    });
    if (channel === 'on') await eventually('its channel is open', () => led.runner.times('the channel') > 0);
    return led;
  }

  get ended(): Promise<void> {
    return this.runner.ended;
  }

  /** How often it has registered. */
  registrations(): number {
    return this.runner.times('"registered"');
  }

  says(text: string): Promise<void> {
    return eventually(`it says ${text}`, () => this.runner.times(text) > 0);
  }

  control(verb: string, body: object = {}) {
    return ada.post(`/workers/${this.id}/${verb}`, body);
  }

  give(script: string): Promise<string> {
    const metadata = { command: ['bash', '-c', script] };
    return ada.task({ agent_type: 'script', required_labels: [this.label], metadata });
  }

  /** A task that runs until the test lets it through. */
  async hold(): Promise<{ task: string; go: () => void }> {
    const path = join(this.runner.directory, randomUUID());
    const task = await this.give(`until [ -e '${path}' ]; do sleep 0.05; done`);
    await isNow(task, 'running');
    return { task, go: () => writeFileSync(path, '') };
  }

  stop(): Promise<void> {
    return this.runner.stop();
  }

  remove(): Promise<void> {
    return this.runner.remove();
  }
}

const statusOf = async (task: string): Promise<unknown> => (await ada.get(`/tasks/${task}`)).body['status'];
const isNow = (task: string, status: string): Promise<void> =>
  eventually(`the task is ${status}`, async () => (await statusOf(task)) === status);

describe.each(['on', 'off'] as const)('a runner with its channel %s', (channel) => {
  let led: Led;
  beforeEach(async () => {
    led = await Led.start(channel);
  });
  afterEach(() => led.remove());

  it('takes nothing while it is paused, goes on with what it runs, and takes work again', async () => {
    const { task, go } = await led.hold();
    await led.control('pause', { note: 'Not now' });
    const next = await led.give('true');
    go();
    await isNow(task, 'completed');
    expect(await statusOf(next)).toBe('pending');
    await led.control('resume');
    // Without a channel only a heartbeat tells, and a runner that is paused asks for nothing.
    if (channel === 'on') await isNow(next, 'completed');
    else await ada.post(`/tasks/${next}/cancel`, {});
  });

  it('ends by itself when it is drained: when its work is done, and at once when it has none', async () => {
    const { task, go } = await led.hold();
    const next = await led.give('true');
    await led.control('drain', { note: 'Moving' });
    go();
    await led.ended;
    expect([await statusOf(task), await statusOf(next)]).toEqual(['completed', 'pending']);
    expect((await ada.get(`/workers/${led.id}`)).body).toMatchObject({ status: 'stopped', note: 'Moving' });

    const idle = await Led.start(channel);
    const began = performance.now();
    await idle.control('drain');
    await idle.ended;
    const took = performance.now() - began;
    // A claim that nobody ends waits for 25 seconds, and a heartbeat comes in ten minutes.
    expect(took).toBeLessThan(size({ full: channel === 'on' ? 1000 : 20_000, short: 20_000 }));
    figure(4, `an idle runner with its channel ${channel} has ended after a drain, ms`, Math.round(took));
    await idle.remove();
  });

  it('is stopped at once when it is told to end', async () => {
    await led.stop();
    const note = 'The worker has ended in order.';
    expect((await ada.get(`/workers/${led.id}`)).body).toMatchObject({ status: 'stopped', note });
  });

  it('ends when it is deleted, with what it ran, and does not register again', async () => {
    const { task, go } = await led.hold();
    expect((await ada.delete(`/workers/${led.id}`)).status).toBe(204);
    // It asks for nothing while it is full: without a channel, what it says of its work tells it.
    if (channel === 'off') go();
    await led.ended;
    expect(led.registrations()).toBe(1);
    expect(await statusOf(task)).toBe('pending');
    expect((await ada.get(`/workers/${led.id}`)).status).toBe(404);
    await ada.post(`/tasks/${task}/cancel`, {});
  });

  it('registers anew, and goes on with its work, when its token was rotated out', async () => {
    const { task, go } = await led.hold();
    expect((await led.control('rotate-token')).status).toBe(200);
    await server.sql.query(
      'update access_keys set expires_at = now() where worker_id = $1 and expires_at is not null',
      [led.id],
    );
    go();
    await isNow(task, 'completed');
    expect((await ada.get(`/executions?task_id=${task}`)).body.items).toHaveLength(1);
    expect(led.registrations()).toBe(2);
  });
});
