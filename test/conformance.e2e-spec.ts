import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { examine, type Finding, type Report } from '../scripts/conformance/examine.mjs';
import { Stand } from '../scripts/stand.mjs';
import { CLI_FILE } from './command-line.js';
import { PATIENCE_MS } from './scale.js';
import { Scratch } from './scratch-git.js';
import { createDatabase, type TestDatabase } from './test-database.js';

const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const WRONG = file('test/wrong-worker.mjs');
const AT_ONCE = 12;
/** So long a right worker may take for anything on a machine that does everything else as well. */
const PATIENT = 120;
/** Those that are waited for in vain, and those whose doings are looked out for until they are seen. */
const NOTHING_COMES = [
  ...['forgets its claims', 'is silent', 'ignores cancel', 'ignores lost', 'says an end only once'],
  'outlives a drain',
  ...['ignores what it is told', 'takes answers in order', 'names no message', 'reuses ids', 'notices nothing'],
  ...['opens its channel once', 'uses its key', 'leaves out the subprotocol', 'says what there is not'],
  'sends all at once',
];
const SOMETHING_COMES = ['talks about what is lost', 'hammers while paused'];

const python = ((): string | null => {
  try {
    return execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
})();

/** All that is asked of a worker that has nothing to do with git. */
const WITHOUT_REPOSITORIES = [
  'work',
  'large',
  'answers',
  'cancel',
  'lost',
  'pause',
  'away',
  'restart',
  'stop',
  'drain',
];

/** Workers that are right. */
const MIYABI = {
  command: [process.execPath, CLI_FILE, 'worker'],
  variables: { ALLOW_ISOLATION_NONE: 'on', DISK_MIN_FREE: '0', TERM_GRACE_SECONDS: '1' },
};
const RIGHT: Record<
  string,
  { command: string[]; variables?: Record<string, string>; channel?: boolean; only?: string[] }
> = {
  'miyabi worker': MIYABI,
  'miyabi worker without a channel': { ...MIYABI, channel: false },
  ...(python !== null && {
    'examples/small_worker.py': { command: [python, file('examples/small_worker.py')], only: WITHOUT_REPOSITORIES },
    'examples/worker.py': { command: [python, file('examples/worker.py')] },
    'examples/channel_worker.py': { command: [python, file('examples/channel_worker.py')] },
  }),
  'test/wrong-worker.mjs without a fault': { command: [process.execPath, WRONG] },
  'test/wrong-worker.mjs over the channel without a fault': {
    command: [process.execPath, WRONG],
    variables: { WAY: 'channel' },
  },
};

type Fault = [chapters: string[], found: string, saying: string];

/** Ways to be wrong: the chapters that show it, and what they find. */
const FAULTS: Record<string, Fault> = {
  'renews everything': [['work', 'cancel', 'pause'], 'renew', 'go on listing an execution that has ended'],
  'renews nothing': [['away'], 'renew', 'do not list an execution that it runs'],
  'is silent': [['pause'], 'pause', 'while paused it sent no heartbeat'],
  'ignores cancel': [['cancel'], 'cancel', 'still ran long after the worker was told to cancel it'],
  'calls a cancellation a failure': [['cancel'], 'cancel', 'ended a cancelled execution as failed'],
  'ignores lost': [['lost'], 'lost', 'still ran long after the worker was told that its execution is lost'],
  'talks about what is lost': [['lost'], 'lost', 'went on about an execution'],
  'says twice what was not answered': [['answers'], 'logs', 'the log of a command should be'],
  'leaves out what was not answered': [['away'], 'logs', 'the log of a command should be'],
  'says an end only once': [['answers'], 'answers', 'did not say it again'],
  'forgets its claims': [['answers'], 'answers', '`request_key`'],
  'says two ends': [['work'], 'finish', 'ended an execution as completed, and then as failed'],
  'talks after the end': [['work'], 'finish', 'after its end was answered'],
  'hammers while paused': [['pause'], 'pause', 'asks for work without a pause'],
  'hammers a server that is away': [['away'], 'away', 'without a pause while the server answers 503'],
  'dies on 503': [['away'], 'away', 'the worker has ended'],
  'dies without a server': [['restart'], 'restart', 'the worker has ended'],
  'trips over what is new': [['work'], 'work', 'the worker has ended'],
  'uses its key': [['work'], 'register', 'it used its key'],
  'token in an address': [['work'], 'register', 'a secret stood in an address'],
  'leaves its agents behind': [['stop'], 'stop', 'left the command that it had started'],
  'pushes nothing': [['git'], 'git', 'nothing was pushed'],
  'sends all at once': [['large'], 'large', 'made its task failed|did not come to its end|are in its log'],
  'outlives a drain': [['drain'], 'drain', 'ran nothing any more, and did not end'],
  'takes a drain for a fault': [['drain'], 'drain', 'exit code 1 instead of exit code 0'],
};

/** Ways to be wrong over the channel. */
const CHANNEL_FAULTS: Record<string, Fault> = {
  'ignores what it is told': [['cancel', 'lost', 'pause'], 'cancel', 'over the channel; answers came later'],
  'says an end only once': [['answers'], 'answers', 'did not say it again'],
  'forgets its claims': [['answers'], 'answers', '`request_key`'],
  'hammers a server that is away': [['away'], 'away', 'without a pause while the server answers 503'],
  'trips over what is new': [['work'], 'work', 'the worker has ended'],
  'uses its key': [['work'], 'register', 'it used its key'],
  'takes answers in order': [['work'], '(?:work|heartbeat)', 'did not come to its end|did not claim|sent no heartbeat'],
  'names no message': [['work'], 'messages', 'had no `id`'],
  'reuses ids': [['work'], 'messages', 'had the `id` of one that was not answered yet'],
  'says what there is not': [['work'], 'messages', 'had the type "dance"'],
  'leaves out the subprotocol': [['work'], 'messages', 'without the subprotocol'],
  'sends all at once': [['large'], 'messages', 'the server closes the channel'],
  'dies with its channel': [['cut'], 'cut', 'the worker has ended'],
  'opens its channel once': [['cut'], 'cut', 'was not heard any more|did not come to its end'],
  'hammers for its channel': [['cut'], 'cut', 'again and again without a pause'],
  'notices nothing': [['half-open'], 'half-open', 'did not notice in time'],
};
const WRONGS = [
  ...Object.entries(FAULTS).map(([fault, wrong]) => ({ ...wrongOf(fault, wrong), name: fault, way: 'requests' })),
  ...Object.entries(CHANNEL_FAULTS).map(([fault, wrong]) => ({
    ...wrongOf(fault, wrong),
    name: `${fault}, over the channel`,
    way: 'channel',
  })),
];

function wrongOf(fault: string, [only, found, saying]: Fault) {
  return { fault, only, found, saying };
}

const scratch = new Scratch();
const reports = new Map<string, Report>();
let database: TestDatabase;
let stand: Stand;

beforeAll(async () => {
  database = await createDatabase();
  stand = new Stand({ databaseUrl: database.url, directory: scratch.directory('stand') });
  await stand.start();
  const right = Object.entries(RIGHT).map(([name, worker]) => ({ name, ...worker, patienceSeconds: PATIENT }));
  const wrong = WRONGS.map(({ name, fault, way, only }) => ({
    ...{ name, command: [process.execPath, WRONG], variables: { FAULT: fault, WAY: way }, only },
    // What it does wrong may be that nothing comes, or that something does.
    patienceSeconds: NOTHING_COMES.includes(fault) ? 8 : PATIENT,
    watchSeconds: SOMETHING_COMES.includes(fault) ? 30 : 0,
  }));
  const all = [...right, ...wrong];
  const lane = async (): Promise<void> => {
    for (let next = all.shift(); next !== undefined; next = all.shift()) {
      const { name, ...options } = next;
      const directory = scratch.directory(`exam ${name.replaceAll(/[/,]/g, ' ')}`);
      reports.set(name, await examine(stand, { ...options, directory, shared: true }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}, 5 * PATIENCE_MS);
afterAll(async () => {
  await stand.kill();
  await database.drop();
  scratch.remove();
});

const faultsOf = (name: string): string[] =>
  (reports.get(name)?.findings ?? []).flatMap(({ name: rule, faults }) => faults.map((fault) => `${rule}: ${fault}`));

describe('a worker that is examined', () => {
  it.each(Object.keys(RIGHT))('is found right: %s', (name) => {
    expect(reports.get(name)?.findings.length).toBeGreaterThan(14);
    expect(faultsOf(name)).toEqual([]);
  });

  it.each([
    ['miyabi worker', 'both', 19],
    ['miyabi worker without a channel', 'requests', 16],
    ['test/wrong-worker.mjs without a fault', 'requests', 16],
    ['test/wrong-worker.mjs over the channel without a fault', 'channel', 19],
    ...(python === null
      ? []
      : ([
          ['examples/small_worker.py', 'requests', 15],
          ['examples/worker.py', 'requests', 16],
          ['examples/channel_worker.py', 'both', 19],
        ] as const)),
  ] as const)('is examined in the ways that it uses: %s', (name, way, things) => {
    const { ways, findings } = reports.get(name) as Report;
    expect({ requests: ways.requests > 0, channel: ways.channel > 0 }).toEqual({
      requests: way !== 'channel',
      channel: way !== 'requests',
    });
    expect(findings).toHaveLength(things);
  });

  it(python === null ? 'is no example: there is no python3 on this machine' : 'is also each example', () => {
    for (const name of ['worker', 'channel_worker']) expect(reports.has(`examples/${name}.py`)).toBe(python !== null);
  });

  it.each(WRONGS)('is found wrong that $name', ({ name, found, saying }) => {
    expect(faultsOf(name)).toEqual(
      expect.arrayContaining([expect.stringMatching(new RegExp(`^${found}: [\\s\\S]*(${saying})`))]),
    );
  });
});

describe('npm run conformance', () => {
  const run = (fault: string, ...args: string[]) => {
    const TMPDIR = scratch.directory('runs');
    mkdirSync(TMPDIR, { recursive: true });
    const command = [file('scripts/conformance.mjs'), '--only', 'work', ...args];
    return spawnSync(process.execPath, command, { encoding: 'utf8', env: { ...process.env, FAULT: fault, TMPDIR } });
  };

  it('ends with 0 for a right worker and with 1 for a wrong one, which it tells in a list', () => {
    const right = run('', process.execPath, WRONG);
    expect([right.status, right.stderr]).toEqual([0, '']);
    expect(right.stdout).toMatch(/^ok {4}work {2}[\s\S]*\nok {4}finish [\s\S]*\nIt speaks the protocol\.\n$/);
    const wrong = run('says two ends', '--json', process.execPath, WRONG);
    expect(wrong.status).toBe(1);
    const { ok, findings: list } = JSON.parse(wrong.stdout) as { ok: boolean; findings: Finding[] };
    expect([ok, list.filter(({ faults }) => faults.length > 0).map(({ name }) => name)]).toEqual([false, ['finish']]);
  });

  it('ends with 2 when it is called in a wrong way', () => {
    expect(run('')).toMatchObject({ status: 2, stderr: expect.stringContaining('Usage: npm run conformance') });
    expect(run('', '--fly').status).toBe(2);
  });
});
