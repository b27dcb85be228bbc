import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { launchOf } from '../src/agents/known-clis.js';
import { recordedStream } from './agent-streams.js';
import { eventually } from './eventually.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { RunnerInProcess } from './runner-in-process.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: TestPerson;
let runner: RunnerInProcess;
const programs = mkdtempSync(join(tmpdir(), 'agents-'));

/** Each program writes what its next run is to write, and notes how it was called. */
const PROGRAM = `#!${process.execPath}
import { appendFileSync, readFileSync } from 'node:fs';
const name = process.argv[1].split('/').at(-1);
if (process.argv[2] === '--version') console.log(name + ' 1.2.3');
else {
  appendFileSync(process.argv[1] + '.calls', JSON.stringify(process.argv.slice(2)) + '\\n');
  const runs = JSON.parse(readFileSync(process.argv[1] + '.runs', 'utf8'));
  const called = readFileSync(process.argv[1] + '.calls', 'utf8').trim().split('\\n').length;
  const { stdout, stderr, exit } = runs[Math.min(called, runs.length) - 1];
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = exit;
}
`;
const CLIS = ['claude', 'codex', 'gemini', 'opencode', 'qwen', 'cursor-agent'];

beforeAll(async () => {
  writeFileSync(join(programs, 'package.json'), '{"type":"module"}');
  for (const name of CLIS) {
    writeFileSync(join(programs, name), PROGRAM);
    chmodSync(join(programs, name), 0o755);
  }
  server = await startTestApp({ RETRY_BASE_SECONDS: '0' });
  ada = await signInPerson(server);
  runner = new RunnerInProcess(server, server.url, {
    PATH: `${programs}${delimiter}${process.env['PATH'] ?? ''}`,
    MIYABI_ACCOUNTS: 'claude=team-a',
  });
});
afterAll(async () => {
  await runner.remove();
  await server.close();
  rmSync(programs, { recursive: true, force: true });
});

interface Run {
  stdout?: string;
  stderr?: string;
  exit?: number;
}

/** Says what the next runs of a program write, and forgets how it was called. */
function prepare(name: string, ...runs: Run[]): void {
  const whole = runs.map(({ stdout = '', stderr = '', exit = 0 }) => ({ stdout, stderr, exit }));
  writeFileSync(join(programs, `${name}.runs`), JSON.stringify(whole));
  writeFileSync(join(programs, `${name}.calls`), '');
}
const callsOf = (name: string): string[][] =>
  readFileSync(join(programs, `${name}.calls`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as string[]);
const recorded = (run: string, exit = 0): Run => ({ stdout: `${recordedStream(run).join('\n')}\n`, exit });

interface Execution {
  id: string;
  status: string;
  [field: string]: unknown;
}

/** Has the fleet run a task by a CLI; gives its executions, the last of which has ended, oldest first. */
async function run(how: string | object, attempts = 1): Promise<Execution[]> {
  await ada.patch('/agents/codegen-agent', { launch: typeof how === 'string' ? launchOf(how) : how });
  const id = await ada.task({ agent_type: 'codegen', name: 'Say hi', max_retries: attempts - 1 });
  let executions: Execution[] = [];
  await eventually('the task was worked on', async () => {
    executions = ((await ada.get(`/tasks/${id}/executions`)).body.items as Execution[]).reverse();
    return executions.filter(({ status }) => status !== 'running').length >= attempts;
  });
  return executions;
}

const logOf = async ({ id }: Execution) =>
  (await ada.get(`/executions/${id}/logs?limit=1000`)).body.items as {
    stream: string;
    level: string;
    message: string;
  }[];

describe('an agent that writes its events', () => {
  it.each([
    [
      'claude',
      'claude-opus-5-5',
      { input_tokens: 24, output_tokens: 18, cost_usd: 0.000818, cost_source: 'reported' },
      'All done.',
    ],
    ['codex', null, { input_tokens: 200, output_tokens: 60, cache_read_tokens: 40, cost_usd: null }, 'All done.'],
    ['gemini', 'gemini-2.5-pro', { input_tokens: 200, output_tokens: 60, cache_read_tokens: 40 }, 'All done.'],
    ['opencode', null, { input_tokens: 200, output_tokens: 60, cost_usd: 0.00032 }, 'All done.'],
    ['qwen', 'm-1', { input_tokens: 200, output_tokens: 60, cache_read_tokens: 40 }, 'All done.'],
    [
      'cursor-agent',
      'Example Model',
      { input_tokens: 100, output_tokens: 30, cache_write_tokens: 5 },
      'I look.All done.',
    ],
  ])(
    'as %s does is recorded with its words, tools, model, session, usage and result',
    async (cli, model, usage, summary) => {
      prepare(cli, { ...recorded(`${cli}-done`), stderr: 'a warning\n' });
      const [execution] = await run(cli);
      expect(execution).toMatchObject({
        ...{ status: 'completed', failure_reason: null, exit_code: 0, model, usage, log_incomplete: false },
        ...{ session_id: expect.stringMatching(/^\S{20,}$/), result: { summary } },
      });
      const log = await logOf(execution as Execution);
      const said = log.filter(({ stream }) => stream === 'agent').map(({ message }) => message);
      expect(said).toContain('All done.');
      expect(said.some((message) => message.includes(': '))).toBe(true);
      expect(log.filter(({ stream }) => stream === 'stdout')).toEqual([]);
      expect(log).toContainEqual(expect.objectContaining({ stream: 'stderr', message: 'a warning', level: 'warn' }));
      expect(callsOf(cli)).toEqual([
        launchOf(cli)
          .command.slice(1)
          .flatMap((item) => (item.includes('model') ? [] : [item.replace('{{prompt}}', 'Say hi')])),
      ]);
    },
  );

  it.each([
    ['claude', 'no-credit', 'quota', 'Credit balance is too low'],
    ['claude', 'signed-out', 'auth', 'Not logged in · Please run /login'],
    ['codex', 'overflow', 'context_overflow', "Codex ran out of room in the model's context window."],
    ['gemini', 'bad-key', 'auth', 'API key not valid'],
    ['opencode', 'rate-limited', 'rate_limited', 'Rate limit reached.'],
    ['qwen', 'overflow', 'context_overflow', 'maximum context length'],
  ])('and fails as %s does with %s has failed by %s', async (cli, how, failure_reason, words) => {
    prepare(cli, recorded(`${cli}-${how}`, 1));
    const [execution] = await run(cli);
    const error_message = expect.stringContaining(words) as unknown;
    expect(execution).toMatchObject({ status: 'failed', failure_reason, error_message, exit_code: 1 });
    for (const { id } of (await ada.get('/limits')).body.items as unknown as Execution[])
      await ada.delete(`/limits/${id}`);
  });

  it('and tells on stderr what is wrong, as Cursor does, has failed by that', async () => {
    prepare('cursor-agent', { stderr: 'Error: Authentication required. Please run login.\n', exit: 1 });
    expect(await run('cursor-agent')).toMatchObject([{ failure_reason: 'auth', exit_code: 1 }]);
    prepare('cursor-agent', { stderr: 'Error: something else\n', exit: 3 });
    expect(await run('cursor-agent')).toMatchObject([{ failure_reason: 'agent_error', exit_code: 3 }]);
  });

  it('and then something else loses nothing of it', async () => {
    const strange = [
      'not json',
      '{"type":"of tomorrow"}',
      '{"broken',
      `{"type":"long","text":"${'x'.repeat(200_000)}"}`,
    ];
    prepare('claude', { stdout: [...strange, ...recordedStream('claude-done')].join('\n') });
    const [execution] = await run('claude');
    expect(execution).toMatchObject({ status: 'completed', log_incomplete: false });
    const out = (await logOf(execution as Execution)).filter(({ stream }) => stream === 'stdout');
    expect(out.map(({ message }) => message).join('')).toBe(strange.join(''));
  });
});

describe('an agent that had begun before', () => {
  it('goes on with its session, and what it used then is not counted again', async () => {
    prepare('codex', { ...recorded('codex-done'), exit: 1 }, recorded('codex-resumed'));
    const [first, second] = await run('codex', 2);
    expect(first).toMatchObject({ status: 'failed', failure_reason: 'agent_error', usage: { input_tokens: 200 } });
    expect(second).toMatchObject({ status: 'completed', usage: { input_tokens: 100, output_tokens: 30 } });
    expect(second?.['session_id']).toBe(first?.['session_id']);
    expect(callsOf('codex')[1]?.slice(-3)).toEqual(['resume', first?.['session_id'], 'Say hi']);
  });

  it('begins anew where the session is not there', async () => {
    const gone = { ...recorded('claude-no-session', 1), stderr: 'No conversation found with session ID: 0\n' };
    prepare('claude', { ...recorded('claude-done'), exit: 1 }, gone, recorded('claude-done'));
    const [, second] = await run('claude', 2);
    expect(second).toMatchObject({ status: 'completed', usage: { input_tokens: 24 } });
    expect(callsOf('claude').map((call) => call.includes('--resume'))).toEqual([false, true, false]);
    const log = await logOf(second as Execution);
    expect(log.map(({ message }) => message)).toContain(
      'The session of the attempt before is not here: beginning anew.',
    );
  });
});

it('a limit that an agent meets is the time its provider tells', async () => {
  const at = Math.floor(Date.now() / 1000) + 7200;
  const info = { status: 'rejected', resetsAt: at, rateLimitType: 'five_hour' };
  const event = JSON.stringify({ type: 'rate_limit_event', rate_limit_info: info });
  const [init = '', ...rest] = recordedStream('claude-rate-limited');
  prepare('claude', { stdout: [init, event, ...rest].join('\n'), exit: 1 });
  expect(await run('claude')).toMatchObject([{ status: 'failed', failure_reason: 'quota' }]);
  const [limit] = (await ada.get('/limits')).body.items as unknown as { until: string }[];
  expect(limit).toMatchObject({ launcher: 'claude', account: 'team-a' });
  expect(Math.abs(Date.parse(limit?.until ?? '') / 1000 - at)).toBeLessThan(30);
});

it('a plain program is its own log', async () => {
  const launch = { command: ['printf', '{"type":"result"}\\n429\\n'], mode: 'plain' };
  const [execution] = await run(launch);
  const result = { summary: '{"type":"result"}\n429' };
  expect(execution).toMatchObject({ status: 'completed', model: null, session_id: null, usage: null, result });
});
