import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { SHIFTS, wrongClock } from './clocks.js';
import { figure } from './figures.js';
import { Installation } from './installation.js';
import { Person } from './person.js';
import { PATIENCE_MS, size } from './scale.js';

const WRONG = SHIFTS.slice(0, size({ full: SHIFTS.length, short: 1 }));
const DEAF = 'deaf';
const TOLD_MS = 60_000;

let installation: Installation;
let ada: Person;
let began: number;

beforeAll(async () => {
  began = Date.now();
  installation = await Installation.start();
  ada = await Person.signIn(installation);
  const begin = (name: string, variables: Record<string, string>) =>
    installation.startRunner(name, { ...ada.ownWorker, MIYABI_LABELS: name, ...variables });
  for (const { name, seconds } of WRONG) begin(labelOf(name), wrongClock(seconds));
  begin(DEAF, wrongClock(SHIFTS[0]!.seconds, { deaf: true }));
}, PATIENCE_MS);
afterAll(() => installation.close());

const labelOf = (name: string): string => name.replace('+', 'plus').replace('-', 'minus').replace(' ', '');

/** What becomes of a task that has time, and of one that takes too long, with the worker of this label. */
async function work(label: string): Promise<Record<string, unknown>> {
  const common = { required_labels: [label], max_retries: 0 };
  const [quick, slow] = await Promise.all([
    ada.create({ ...common, ...installation.script('sleep 1; echo done') }),
    ada.create({ ...common, ...installation.script('echo begun; sleep 300'), timeout_seconds: 2 }),
  ]);
  const seen: Record<string, unknown> = {};
  for (const [name, id] of [
    ['quick', quick],
    ['slow', slow],
  ] as const) {
    const { status, failure_reason } = await ada.ended(id);
    const { id: execution } = await ada.execution(id);
    const { items } = await ada.get<{ items: { message: string; logged_at: string }[] }>(
      `/executions/${execution}/logs?limit=1000`,
    );
    const times = items.map(({ logged_at }) => Date.parse(logged_at));
    seen[name] = `${status} ${failure_reason ?? ''}`.trim();
    seen[`${name}, its log told in time`] = times.every(
      (time) => time > began - TOLD_MS && time < Date.now() + TOLD_MS,
    );
    // The server would end it too, much later.
    seen[`${name}, ended by its worker`] = items.some(({ message }) => message === 'Ended early: timeout.');
  }
  return seen;
}

const VERDICTS = {
  quick: 'completed',
  'quick, its log told in time': true,
  'quick, ended by its worker': false,
  slow: 'failed timeout',
  'slow, its log told in time': true,
  'slow, ended by its worker': true,
};

it(
  'a worker process with a wrong clock does the same as any other, by the time of the server',
  async () => {
    const seen = await Promise.all(WRONG.map(({ name }) => work(labelOf(name))));
    const right = seen.filter((one) => JSON.stringify(one) === JSON.stringify(VERDICTS)).length;
    const names = WRONG.map(({ name }) => name).join(', ');
    figure(4, `worker processes with a wrong clock (${names}) that keep time`, right, 'of', WRONG.length);
    expect(seen).toEqual(WRONG.map(() => VERDICTS));
  },
  PATIENCE_MS,
);

it('one that does not listen when the server tells the time does not: this would be seen', async () => {
  const seen = await work(DEAF);
  figure(4, 'control: what a worker process that goes by its own clock makes of a task', String(seen['quick']));
  expect(seen).not.toEqual(VERDICTS);
  expect(seen['quick']).toBe('failed timeout');
});
