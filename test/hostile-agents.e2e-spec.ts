import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { IsolationLevel } from '../src/runner/isolation/isolation.js';
import { processTable } from '../src/runner/process-table.js';
import { eventually } from './eventually.js';
import { figure } from './figures.js';
import { GHOST, HEADS, HYDRA, PLANT, SEARCH, WAYS } from './hostile-agent.js';
import { Installation } from './installation.js';
import { LEVELS, obstacleTo, settingsOf } from './isolation-levels.js';
import { Person } from './person.js';
import { git, GIT_ENVIRONMENT } from './scratch-git.js';

const OBSTACLES = new Map<IsolationLevel, string | null>();
for (const level of LEVELS) OBSTACLES.set(level, await obstacleTo(level));

let installation: Installation;
let ada: Person;
let repository: { id: string; path: string };
let canaries: string;
/** What must not be found, by what it is. */
let secrets: Record<string, string>;

beforeAll(async () => {
  installation = await Installation.start();
  const { scratch } = installation;
  // Another account gets to its checkout through these; what is private below them is private by its own mode.
  for (let path = scratch.path; path.startsWith(realpathSync(tmpdir())); path = dirname(path))
    chmodSync(path, statSync(path).mode | 0o055);
  canaries = scratch.directory('canaries');
  chmodSync(canaries, 0o777);
  secrets = {
    'the key workers register with, in the environment of the worker': installation.key,
    'the secret of the server, in the environment of the server': installation.jwtSecret,
    'the address of the database, in the environment of the server': installation.database.url,
  };
  for (const [what, place] of [
    ['a file of the data directory', 'data'],
    ['a file of the home of the worker', 'home'],
    ['a file of the directory of the workers', 'workers'],
  ] as const) {
    const secret = `planted-${place}-${String(Math.random()).slice(2)}`;
    mkdirSync(scratch.directory(place), { recursive: true });
    writeFileSync(join(scratch.directory(place), 'secret'), secret, { mode: 0o600 });
    secrets[what] = secret;
  }
  ada = await Person.signIn(installation);
  repository = await ada.repository('project');
  for (const level of LEVELS)
    if (OBSTACLES.get(level) === null)
      installation.startRunner(`${level} worker`, {
        ...settingsOf(
          level,
          ['data', 'home', 'workers'].map((name) => scratch.directory(name)),
        ),
        MIYABI_LABELS: `level=${level}`,
      });
});
afterAll(() => installation.close());

const at = (level: IsolationLevel, script: ReturnType<Installation['script']>): Promise<string> =>
  ada.create({
    name: `Something for ${level}`,
    repository_id: repository.id,
    required_labels: [`level=${level}`],
    max_retries: 0,
    ...script,
  });

/** Live processes with this word among their arguments. */
const withArgument = (word: string): number[] =>
  processTable().flatMap(({ pid }) => (argumentsOf(pid).includes(word) ? [pid] : []));

const argumentsOf = (pid: number): string[] => {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
};

describe.each(LEVELS)('an agent at the level %s', (level) => {
  const obstacle = OBSTACLES.get(level) ?? null;
  if (obstacle !== null) {
    it(`cannot be had on this machine: ${obstacle}`, () => {
      figure(18, `level ${level}`, 'not on this machine:', obstacle.split('\n').slice(1).join(' ').trim());
      // What the machine cannot do is no fault of the worker; anything else is.
      expect(obstacle).toMatch(/only a worker that is root|has no namespaces|Operation not permitted|no program/);
    });
    return;
  }

  it('is reported as what it is', async () => {
    const worker = await ada.see(
      async () => (await ada.workers()).find(({ name }) => name === `${level} worker`),
      (one) => one !== undefined,
    );
    expect(worker).toMatchObject({ isolation: level });
  });

  it('has nothing run by those who handle its result', async () => {
    const { scratch } = installation;
    const plant = (REFUSED: string): Promise<string> => {
      const given = { CANARIES: canaries, OUTSIDE: join(scratch.path, 'data', 'secret'), REFUSED };
      return at(level, installation.script(PLANT, given));
    };
    const [taken, refused] = await Promise.all([plant('no'), plant('yes')]);
    expect(await ada.ended(taken)).toMatchObject({ status: 'completed', error_message: null });
    const execution = await ada.execution(taken);
    const { body } = await ada.ask('GET', `/executions/${execution.id}/diff`);
    expect(JSON.stringify(body)).toContain('plain work');
    expect(await ada.ended(refused)).toMatchObject({ status: 'failed', failure_reason: 'git' });
    expect((await ada.task(refused)).error_message).toContain('disallowed submodule update setting');
    for (const { id } of [execution, await ada.execution(refused)]) {
      const kept = join(installation.workerDirectory(`${level} worker`), 'executions', id, 'checkout');
      // Whoever looks after a kept checkout runs git in it.
      await eventually('the checkout is kept', () => existsSync(join(kept, '..', 'kept.txt')));
      git(kept, '-c', 'submodule.recurse=false', 'status', '--ignore-submodules=all');
      git(kept, '--no-pager', 'diff', '--ignore-submodules=all', 'HEAD');
    }
    const made = readdirSync(canaries);
    figure(18, `level ${level}: canary files of ${String(WAYS)} ways to have a command run`, made.length);
    expect(made).toEqual([]);
    // A link is a link: nothing of what it leads to has come along.
    const mirror = join(installation.mirrors, `${repository.id}.git`);
    const show = (path: string): string => git(mirror, 'show', `${String(execution.commit_sha)}:${path}`);
    expect(show('link1')).toBe(join(scratch.path, 'data', 'secret'));
    expect(show('link4')).toBe('../claim.json');
  });

  it(
    level === 'none' ? 'finds what the worker can read: this level keeps nothing secret' : 'finds no secret',
    async () => {
      const { scratch } = installation;
      const places = ['data', 'home', 'workers', 'mirrors'].map((name) => scratch.directory(name));
      const id = await at(level, installation.script(SEARCH, { PLACES: places.join(':') }));
      expect(await ada.ended(id)).toMatchObject({ status: 'completed' });
      const { commit_sha: sha } = await ada.execution(id);
      const mirror = join(installation.mirrors, `${repository.id}.git`);
      const text = execFileSync('git', ['show', `${String(sha)}:found.txt`], {
        cwd: mirror,
        env: GIT_ENVIRONMENT,
        encoding: 'latin1',
        maxBuffer: 512 * 1024 * 1024,
      });
      const found = Object.keys(secrets).filter((what) => text.includes(secrets[what] ?? ''));
      const tokens = /myw_[0-9A-Za-z]{40,}/.test(text) ? ['a token of a worker'] : [];
      figure(
        18,
        `level ${level}: secrets found of ${String(Object.keys(secrets).length + 1)}`,
        found.length + tokens.length,
      );
      // Its own environment shows that it has looked.
      expect(text).toContain('MIYABI_EXECUTION_ID=');
      if (level === 'none') expect(found).toEqual(Object.keys(secrets));
      else expect([...found, ...tokens]).toEqual([]);
    },
  );

  it('is over with all that came of it when its task is cancelled', async () => {
    const script = installation.script(HYDRA);
    const id = await at(level, script);
    const execution = await ada.started(id, 'root');
    await ada.see(
      () => ada.output(execution.id),
      (output) => HEADS.every((name) => output.includes(name)),
    );
    const before = installation.alive(script.mark).length;
    await ada.ask('POST', `/tasks/${id}/cancel`);
    expect(await ada.ended(id)).toMatchObject({ status: 'cancelled' });
    const left = installation.alive(script.mark).length;
    figure(19, `level ${level}: survivors of ${String(HEADS.length)} kinds when the task is cancelled`, left);
    expect(before).toBeGreaterThanOrEqual(HEADS.length);
    expect(left).toBe(0);
  });

  it(
    level === 'none' ? 'can leave everything behind and stay: this level has no end to it' : 'cannot get away',
    async () => {
      const name = `ghost-${String(Math.random()).slice(2)}`;
      const id = await at(level, installation.script(GHOST, { GHOST: name }));
      const execution = await ada.started(id, 'ghost');
      expect(withArgument(name)).toHaveLength(1);
      await ada.ask('POST', `/tasks/${id}/cancel`);
      expect(await ada.ended(id)).toMatchObject({ status: 'cancelled' });
      const left = withArgument(name);
      figure(19, `level ${level}: survivors of one that hides from its parents`, left.length);
      left.forEach((pid) => process.kill(pid, 'SIGKILL'));
      expect(left.length).toBe(level === 'none' ? 1 : 0);
      expect((await ada.output(execution.id)).sort()).toEqual(['ghost', 'root']);
    },
  );
});

it('would have run something: git in such a checkout springs the traps', () => {
  const own = installation.scratch.repository('control');
  execFileSync('bash', ['-c', PLANT], {
    cwd: own,
    env: { ...GIT_ENVIRONMENT, CANARIES: canaries, OUTSIDE: '/etc/passwd', REFUSED: 'yes' },
  });
  try {
    git(own, 'add', '--all');
  } catch {
    // The filter breaks the command after it has run.
  }
  expect(readdirSync(canaries).length).toBeGreaterThan(0);
  for (const name of readdirSync(canaries)) rmSync(join(canaries, name));
});
