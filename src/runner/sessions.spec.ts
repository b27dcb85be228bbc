import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { obstacleTo } from '../../test/isolation-levels.js';
import { idOf, RunnerSite } from '../../test/runner-site.js';
import { newId } from '../ids.js';
import type { Grant } from './protocol.js';
import { Sessions } from './sessions.js';

const SESSION = '01a216ee-2bee-76c2-98ce-e2edc7da384a';
const OBSTACLE = await obstacleTo('namespace');

describe('Sessions', () => {
  let root: string;
  let sessions: Sessions;
  const taskId = newId();
  const claude = { taskId, cli: 'claude', sessionId: SESSION };
  const codex = { taskId, cli: 'codex', sessionId: SESSION };
  const rollout = `.codex/sessions/2026/11/26/rollout-2026-11-26T08-17-17-${SESSION}.jsonl`;
  const transcript = `.claude/projects/-worker-executions-1-checkout/${SESSION}.jsonl`;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'sessions-')));
    sessions = new Sessions(join(root, 'worker'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const home = (name: string): string => join(root, name);
  async function write(path: string, text: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  it('bring what a CLI left to where it looks for it in another checkout', async () => {
    await write(join(home('one'), transcript), 'what was said');
    await write(join(home('one'), '.claude/.credentials.json'), 'a key');
    expect(await sessions.keep(claude, home('one'))).toBe(true);
    expect(await sessions.bring(claude, home('two'), '/worker/executions/2/my checkout')).toBe(true);
    const brought = join(home('two'), '.claude/projects/-worker-executions-2-my-checkout', `${SESSION}.jsonl`);
    expect(await readFile(brought, 'utf8')).toBe('what was said');
    expect(await readdir(join(home('two'), '.claude'))).toEqual(['projects']);
    await write(join(home('one'), rollout), 'rolled out');
    expect(await sessions.keep(codex, home('one'))).toBe(true);
    expect(await sessions.bring(codex, home('three'), '/worker/executions/3/checkout')).toBe(true);
    expect(await readFile(join(home('three'), rollout), 'utf8')).toBe('rolled out');
    // The last one is what the next attempt goes on with.
    expect(await sessions.bring(claude, home('four'), '/worker/4')).toBe(false);
  });

  it('bring nothing to another task, of another session, or once the task is done', async () => {
    await write(join(home('one'), transcript), 'what was said');
    await sessions.keep(claude, home('one'));
    const bring = (of: Partial<typeof claude>): Promise<boolean> =>
      sessions.bring({ ...claude, ...of }, home('two'), '/worker/2');
    for (const of of [
      { taskId: newId() },
      { taskId: `../${taskId}` },
      { cli: 'gemini' },
      { cli: 'constructor' },
      { sessionId: newId() },
      { sessionId: '../../x' },
    ])
      expect(await bring(of)).toBe(false);
    await sessions.forget(taskId);
    expect(await bring({})).toBe(false);
  });

  it.each<[string, (file: string, secret: string) => Promise<void>]>([
    ['is a link', (file, secret) => symlink(secret, file)],
    ['is another name of a file', (file, secret) => link(secret, file)],
    ['is a directory', (file) => mkdir(file).then(() => undefined)],
    [
      'lies beyond a link',
      async (file, secret) => {
        await rm(dirname(file), { recursive: true });
        await symlink(dirname(secret), dirname(file));
      },
    ],
    [
      'lies beyond a link higher up',
      async (file, secret) => {
        await rm(dirname(dirname(file)), { recursive: true });
        await mkdir(join(dirname(secret), 'projects'));
        await writeFile(join(dirname(secret), 'projects', `${SESSION}.jsonl`), 'secret');
        await symlink(dirname(secret), dirname(dirname(file)));
      },
    ],
  ])('keep nothing that %s', async (_, plant) => {
    const secret = join(home('somebody'), `${SESSION}.jsonl`);
    await write(secret, 'a secret of the worker');
    const file = join(home('one'), transcript);
    await mkdir(dirname(file), { recursive: true });
    await plant(file, secret);
    expect(await sessions.keep(claude, home('one'))).toBe(false);
    expect(await readdir(join(root, 'worker')).catch(() => [])).toEqual([]);
  });

  it('are private, and go after a week', async () => {
    await write(join(home('one'), transcript), 'what was said');
    await sessions.keep(claude, home('one'));
    const kept = join(root, 'worker', 'sessions', taskId);
    expect((await stat(dirname(kept))).mode & 0o077).toBe(0);
    const then = new Date(Date.now() - 8 * 24 * 3_600_000);
    await utimes(kept, then, then);
    const other = { ...claude, taskId: newId() };
    await sessions.keep(other, home('one'));
    expect(await readdir(dirname(kept))).toEqual([other.taskId]);
  });
});

/** Keeps what it was told in a session as Claude Code does, and goes on only with one of the directory it works in. */
const CLAUDE = `
[ "$1" = --version ] && exec echo 1.0.0
kept=$HOME/.claude/projects/$(pwd | sed 's/[^0-9a-zA-Z]/-/g')
ls -R "$HOME/.claude" 2>/dev/null | grep -c jsonl
if [ "$1" = --resume ]; then
  [ -e "$kept/$2.jsonl" ] || { echo "No conversation found with session ID: $2" >&2; exit 1; }
  shift 2
fi
mkdir -p "$kept"
echo "$1" >> "$kept/${SESSION}.jsonl"
echo '{"type":"system","subtype":"init","session_id":"${SESSION}"}'
cat "$kept/${SESSION}.jsonl"
exit 3`;

describe('an agent with a home of its own', () => {
  if (OBSTACLE !== null) {
    it(`cannot be had on this machine: ${OBSTACLE}`, () => {
      expect(OBSTACLE).toMatch(/has no namespaces|Operation not permitted|no program/);
    });
    return;
  }

  it('goes on with the session of the attempt before, and no other task can', async () => {
    const site = await RunnerSite.open();
    try {
      await site.program('claude', CLAUDE);
      site.start({ AGENT_ISOLATION: 'namespace', PATH: site.path });
      const launch = {
        command: ['claude', '{{task.name}}'] as [string, ...string[]],
        resume: ['claude', '--resume', '{{previous.session_id}}', '{{task.name}}'] as [string, ...string[]],
        mode: 'stream-json' as const,
      };
      const attempt = (name: string, id: string, previous: Grant['previous']): Grant =>
        site.give('', { task: { id, name }, agent: { id: 'codegen-agent', launch }, previous });
      const said = async (grant: Grant): Promise<string[]> => {
        expect(await site.server.finished(idOf(grant))).toMatchObject({ outcome: 'failed', session_id: SESSION });
        return site.messages(grant);
      };
      const taskId = newId();
      const first = attempt('first', taskId, null);
      expect(await said(first)).toEqual(['0', 'first']);
      const previous = { execution_id: idOf(first), branch: first.branch, session_id: SESSION, usage: null };
      expect(await said(attempt('second', taskId, previous))).toEqual(['1', 'first', 'second']);
      // One that names the session of another task finds none, and begins anew.
      expect(await said(attempt('stranger', newId(), previous))).toEqual(['0', '0', 'stranger']);
    } finally {
      await site.close();
    }
  });
});
