import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GIT_ENVIRONMENT } from './scratch-git.js';

/** Removes one object from a bare repository, wherever git keeps it; all others stay. */
export function loseObject(directory: string, id: string): void {
  const folder = join(directory, 'objects/pack');
  const packs = readdirSync(folder).filter((name) => name.endsWith('.pack'));
  const contents = packs.map((name) => readFileSync(join(folder, name)));
  // Git unpacks only what it has not.
  rmSync(folder, { recursive: true });
  for (const input of contents)
    execFileSync('git', ['unpack-objects', '-q'], { cwd: directory, env: GIT_ENVIRONMENT, input });
  rmSync(join(directory, 'objects', id.slice(0, 2), id.slice(2)));
}
