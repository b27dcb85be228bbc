import { access, constants, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createMiyabiClient } from '../../client/client.js';
import { noAnswer, noAnswerInOne } from '../../client/unreachable.js';
import { loadRunnerSettings, type RunnerSettings } from '../../config/runner.config.js';
import { Git } from '../../runner/git.js';
import { readMembership } from '../../runner/membership.js';
import { freeDisk } from '../../runner/metrics.js';
import { PROTOCOL } from '../../runner/registration.js';
import { VERSION } from '../../version.js';
import type { Context } from '../context.js';
import { CommandFailed } from '../exits.js';
import { duration, plain } from '../terminal.js';
import { agentFindings } from './doctor-agents.js';
import { fault, note, ok, type Finding } from './doctor-findings.js';

const NODE = [20, 19] as const;
const GIT = [2, 31] as const;
const GIB = 1024 ** 3;
const ANSWER_MS = 10_000;

/** `miyabi doctor`: what this machine has and lacks to be a worker, and whether it reaches the server. */
export async function doctor(context: Context): Promise<void> {
  const { settings, terminal } = context;
  // Whatever a worker would refuse to start with is told among the findings, not instead of them.
  const runner = runnerSettings(context);
  const findings = [
    nodeVersion(),
    await gitVersion(settings.environment['PATH'] ?? ''),
    await directory(settings.worker_directory, runner),
    ...(await server(context)),
    ...(await agentFindings(
      'fault' in runner ? runner : { ...runner, there: await writablePart(settings.worker_directory) },
      settings.environment['PATH'] ?? '',
    )),
  ];
  const faults = findings.filter(({ state }) => state === 'fault').length;
  if (!terminal.asJson({ version: VERSION, protocol: PROTOCOL, ok: faults === 0, findings })) {
    const marks = { ok: ['green', 'ok  '], note: ['yellow', 'note'], fault: ['red', 'FAIL'] } as const;
    for (const { name, state, detail, hint } of findings) {
      const [style, mark] = marks[state];
      terminal.line(`${terminal.styled(style, mark)}  ${name}: ${detail}`);
      if (hint !== null) terminal.line(`      ${hint}`);
    }
  }
  if (faults > 0) throw new CommandFailed(`${String(faults)} thing(s) to mend.`);
}

type Loaded = { readonly settings: RunnerSettings } | { readonly fault: string };

function runnerSettings({ settings: { environment, worker_directory } }: Context): Loaded {
  const stood = { MIYABI_URL: 'http://127.0.0.1', MIYABI_WORKER_DIR: worker_directory };
  try {
    return { settings: loadRunnerSettings({ ...environment, ...stood }) };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

function nodeVersion(): Finding {
  const { node } = process.versions;
  const hint = `Install ${NODE.join('.')} or newer: https://nodejs.org/en/download`;
  return isAtLeast(node, NODE) ? ok('Node.js', node) : fault('Node.js', `${node} is too old`, hint);
}

async function gitVersion(path: string): Promise<Finding> {
  const how =
    process.platform === 'darwin' ? 'xcode-select --install' : 'apt-get install git, or the way of this system';
  const hint = `Install ${GIT.join('.')} or newer: ${how}`;
  const said = await new Git({ PATH: path }).run(['--version'], { timeMs: ANSWER_MS }).catch(() => '');
  const version = /\d+\.\d+(?:\.\d+)?/.exec(said)?.[0];
  if (version === undefined) return fault('git', 'not found', hint);
  return isAtLeast(version, GIT) ? ok('git', version) : fault('git', `${version} is too old`, hint);
}

/** The part of a path that is there, if this account may write to it. */
async function writablePart(path: string): Promise<string | null> {
  const may = (place: string, mode: number): Promise<boolean> =>
    access(place, mode).then(
      () => true,
      () => false,
    );
  let there = path;
  while (!(await may(there, constants.F_OK)) && dirname(there) !== there) there = dirname(there);
  return (await may(there, constants.W_OK)) ? realpath(there) : null;
}

async function directory(path: string, runner: Loaded): Promise<Finding> {
  const name = 'worker directory';
  const there = await writablePart(path);
  if (there === null)
    return fault(name, `${path} cannot be written`, 'Choose another with MIYABI_WORKER_DIR or --dir.');
  const free = await freeDisk(there);
  const needed = 'settings' in runner ? runner.settings.runner.disk_min_free : 5 * GIB;
  const text = `${path}, ${(free / GIB).toFixed(1)} GiB free`;
  const hint = `Below ${(needed / GIB).toFixed(1)} GiB a worker takes nothing. Make room, or set DISK_MIN_FREE (bytes).`;
  return free >= needed ? ok(name, text) : fault(name, text, hint);
}

async function server(context: Context): Promise<Finding[]> {
  const { session, settings } = context;
  let url: string;
  try {
    url = await session.url();
  } catch (error) {
    return [note('server', 'none is named', (error as CommandFailed).hint ?? '')];
  }
  const began = performance.now();
  const client = createMiyabiClient({ url, token: '' });
  const answer = await client
    .GET('/api/v1/health', { signal: AbortSignal.timeout(ANSWER_MS) })
    .catch((error: unknown) => noAnswer(error));
  if ('reason' in answer) {
    const hint = answer.advice ?? 'Is the address right, does the server run, is a firewall or proxy between?';
    return [fault('server', `${url} cannot be reached: ${answer.reason}`, hint)];
  }
  const health = answer.data;
  if (health === undefined)
    return [
      fault(
        'server',
        `${url} answered ${String(answer.response.status)}`,
        'It is not a Miyabi server, or its database is away.',
      ),
    ];
  const ms = Math.round(performance.now() - began);
  const found = [
    ok('server', `${url}, ${health.status}, up for ${duration(health.uptime_seconds)}, ${String(ms)} ms away`),
  ];
  const update = `curl -fsSL ${url}/downloads/miyabi.mjs -o miyabi.mjs`;
  found.push(
    health.version === VERSION
      ? ok('version', `${VERSION}, like the server's; worker protocol ${String(PROTOCOL)}`)
      : note(
          'version',
          `${VERSION} here, ${health.version} on the server; worker protocol ${String(PROTOCOL)}`,
          `Fetch the server's: ${update}`,
        ),
  );
  found.push(await standing(context, url));
  const { worker_directory: worker, coordinator_directory: coordinator } = settings;
  for (const [name, path] of Object.entries({ worker, coordinator })) {
    const joined = await readMembership(path);
    if (joined?.url === url) found.push(ok(name, `this machine has joined as ${plain(joined.name)}`));
  }
  return found;
}

/** As whom the command line speaks. */
async function standing({ session }: Context, url: string): Promise<Finding> {
  const name = 'signed in';
  try {
    const token = await session.token(url);
    const client = createMiyabiClient({ url, token });
    const { data, response } = await client.GET('/api/v1/auth/me', { signal: AbortSignal.timeout(ANSWER_MS) });
    if (data !== undefined) return ok(name, `as ${data.user.login}, ${data.role} of ${plain(data.organization.name)}`);
    // A key is nobody, and is told so; it is a good one all the same.
    if (response.status === 403) return ok(name, 'with an API key');
    return note(
      name,
      `the server refuses the credentials (${String(response.status)})`,
      'Sign in with `miyabi login`, or set MIYABI_API_KEY.',
    );
  } catch (error) {
    if (error instanceof CommandFailed) return note(name, 'no', error.hint ?? error.message);
    return note(name, noAnswerInOne(error), 'Try again.');
  }
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
