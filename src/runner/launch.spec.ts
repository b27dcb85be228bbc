import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aGrant } from '../../test/a-grant.js';
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
    });
  });

  it('runs the argv of the task for the builtin script', () => {
    expect(launched(['script'], 'builtin', { command: ['printf', '{{prompt}}', ''] })).toEqual({
      kind: 'process',
      argv: ['printf', '{{prompt}}', ''],
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
