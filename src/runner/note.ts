import { constants } from 'node:fs';
import { lstat, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from './fault.js';
import type { Grant } from './protocol.js';

const FOLDER = 'notes';

/** The builtin agent `note`: writes the brief of the task as a Markdown file. Answers its path inside the checkout. */
export async function writeNote(checkout: string, grant: Grant): Promise<string> {
  const folder = join(checkout, FOLDER);
  await mkdir(folder, { recursive: true });
  // A repository may hold `notes` as a link to any place of this machine.
  if (!(await lstat(folder)).isDirectory())
    throw new Fault('worktree', `${FOLDER} is not a directory in this repository.`, { blame: 'task' });
  const slug = slugOf(grant.task.name);
  for (const name of [`${slug}.md`, `${slug}-${grant.task.id.slice(-8)}.md`, `${slug}-${grant.execution.id}.md`]) {
    if (await writeNew(join(folder, name), briefOf(grant))) return `${FOLDER}/${name}`;
  }
  throw new Fault('worktree', `There already is a note for this execution in ${FOLDER}.`, { blame: 'task' });
}

/** Letters and digits of any script, joined by dashes. */
export function slugOf(name: string): string {
  const words =
    name
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  // File systems count bytes: 50 characters of any script stay below their limit of 255.
  const slug = [...words.join('-')].slice(0, 50).join('').replace(/-+$/, '');
  return slug === '' ? 'note' : slug;
}

function briefOf({ task, agent, prompt }: Grant): string {
  const facts = [
    `- Task: ${task.id}`,
    `- Priority: ${task.priority}`,
    `- Agent: ${agent.agent_type}`,
    ...(task.issue_number === null ? [] : [`- Issue: #${String(task.issue_number)}`]),
  ];
  const text = (task.description ?? '').trim() || prompt.trim();
  return [`# ${task.name}`, '', ...facts, ...(text === '' ? [] : ['', text]), ''].join('\n');
}

async function writeNew(path: string, text: string): Promise<boolean> {
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(path, flags, 0o644);
    await file.writeFile(text).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
