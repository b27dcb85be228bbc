import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aGrant } from '../../test/a-grant.js';
import { KNOWN_CLIS } from '../agents/known-clis.js';
import { fill, launchOf } from './launch.js';
import { slugOf, writeNote } from './note.js';

describe('fill', () => {
  const values = { prompt: 'do {{model}}; rm -rf $HOME', model: 'm', empty: null, dash: '--dangerous' };

  it('keeps one item one item and does not fill in twice', () => {
    expect(fill('{{prompt}}', values)).toBe('do {{model}}; rm -rf $HOME');
    expect(fill('--model={{ model }}', values)).toBe('--model=m');
    expect(fill('{{empty}}', values)).toBe('');
  });

  it('does not let a text become an option', () => {
    expect(fill('{{dash}}', values)).toBe(' --dangerous');
    expect(fill('--prompt={{dash}}', values)).toBe('--prompt=--dangerous');
  });

  it('refuses a placeholder that does not exist', () => {
    expect(() => fill('{{task.secret}}', values)).toThrow('{{task.secret}}');
    expect(() => fill('{{constructor}}', values)).toThrow('does not exist');
  });
});

describe('launchOf', () => {
  const launched = (command: string[], mode: 'plain' | 'builtin', metadata: Record<string, unknown> = {}) => {
    const grant = aGrant({ task: { name: 'A task', description: null, metadata } });
    return launchOf({ ...grant, agent: { ...grant.agent, launch: { command, mode } } });
  };

  it('fills the command of a catalogue entry', () => {
    expect(launched(['claude', '-p', '{{task.name}}', '{{task.issue_number}}'], 'plain')).toEqual({
      kind: 'process',
      argv: ['claude', '-p', 'A task', '7'],
      reader: null,
      resumes: false,
    });
  });

  it('goes on with the session of an earlier attempt where there is one, and can begin anew', () => {
    const launch = {
      command: ['claude', '--model={{model}}', '{{prompt}}'],
      resume: ['claude', '--resume', '{{previous.session_id}}', '{{prompt}}'],
      mode: 'stream-json' as const,
    };
    const agent = { ...aGrant().agent, launch };
    const argvOf = (grant: Parameters<typeof aGrant>[0], anew = false) => {
      const launched = launchOf({ ...aGrant({ agent, ...grant }), prompt: 'Go' }, anew);
      return launched.kind === 'process' ? [...launched.argv, launched.resumes] : [];
    };
    const previous = { execution_id: 'x', branch: 'task/x-a1', session_id: 's-1', usage: null };
    expect(argvOf({})).toEqual(['claude', 'Go', false]);
    expect(argvOf({ model: 'm' })).toEqual(['claude', '--model=m', 'Go', false]);
    expect(argvOf({ previous })).toEqual(['claude', '--resume', 's-1', 'Go', true]);
    expect(argvOf({ previous }, true)).toEqual(['claude', 'Go', false]);
    expect(argvOf({ previous: { ...previous, session_id: null } })).toEqual(['claude', 'Go', false]);
  });

  it.each(KNOWN_CLIS.map(({ name, launch }) => [name, launch] as const))(
    'can start %s, with a session or without',
    (name, launch) => {
      const previous = { execution_id: 'x', branch: 'task/x-a1', session_id: '--s', usage: null };
      for (const grant of [aGrant({ model: '-m' }), aGrant({ previous })]) {
        const launched = launchOf({ ...grant, prompt: '--go', agent: { ...grant.agent, launch } });
        const argv = launched.kind === 'process' ? launched.argv : [];
        expect(argv[0]).toBe(name);
        expect(argv.at(-1)).toBe(' --go');
        expect(argv).not.toContain('--s');
        expect(launched).toMatchObject({ reader: launch.mode === 'plain' ? null : expect.any(Function) });
      }
    },
  );

  it('runs the argv of the task for the builtin script', () => {
    expect(launched(['script'], 'builtin', { command: ['printf', '{{prompt}}', ''] })).toEqual({
      kind: 'process',
      argv: ['printf', '{{prompt}}', ''],
      reader: null,
      resumes: false,
    });
  });

  it.each([[undefined], ['rm -rf /'], [[]], [['']], [['a', 1]], [['a', 'b\0c']], [{ 0: 'a' }]])(
    'refuses the script %j, and says that trying again is of no use',
    (command) => {
      expect(() => launched(['script'], 'builtin', { command })).toThrow(
        expect.objectContaining({ reason: 'agent_error', retryable: false }),
      );
    },
  );

  it('refuses a builtin it does not have', () => {
    expect(() => launched(['dance'], 'builtin')).toThrow(expect.objectContaining({ reason: 'agent_missing' }));
  });
});

describe('writeNote', () => {
  let checkout: string;
  beforeEach(async () => {
    checkout = await mkdtemp(join(tmpdir(), 'note-'));
  });
  afterEach(() => rm(checkout, { recursive: true, force: true }));

  it('writes the brief of the task', async () => {
    const path = await writeNote(
      checkout,
      aGrant({ task: { name: 'Plan the Größe & 雅!', description: 'Why it matters.' } }),
    );
    expect(path).toBe('notes/plan-the-größe-雅.md');
    const text = await readFile(join(checkout, path), 'utf8');
    expect(text).toMatch(/^# Plan the Größe & 雅!\n/);
    expect(text).toContain('- Issue: #7');
    expect(text).toMatch(/\nWhy it matters\.\n$/);
  });

  it('does not overwrite an earlier note of the same name', async () => {
    const grant = aGrant({ task: { name: 'Twice' } });
    await writeNote(checkout, grant);
    expect(await writeNote(checkout, grant)).toBe(`notes/twice-${grant.task.id.slice(-8)}.md`);
  });

  it('does not follow a link out of the checkout', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'outside-'));
    await symlink(outside, join(checkout, 'notes'));
    await expect(writeNote(checkout, aGrant())).rejects.toThrow('notes is not a directory');
    await rm(outside, { recursive: true });
  });

  it('does not write through a link in place of the note', async () => {
    const grant = aGrant({ task: { name: 'Linked' } });
    await mkdir(join(checkout, 'notes'));
    await symlink(join(checkout, 'elsewhere'), join(checkout, 'notes', 'linked.md'));
    expect(await writeNote(checkout, grant)).toMatch(/^notes\/linked-.{8}\.md$/);
  });

  it('finds a name for a note without letters', () => {
    expect(slugOf('../..//')).toBe('note');
    expect(Buffer.byteLength(slugOf('雅'.repeat(500)))).toBeLessThan(200);
  });
});
