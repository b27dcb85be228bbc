import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { git, type Scratch } from './scratch-git.js';

/**
 * While the work lasts, this process runs another program where it would run `git`: a script of the shell, in which
 * `real` is git itself and `here` the directory of the script.
 */
export async function withGit<T>(scratch: Scratch, script: string, work: (here: string) => Promise<T>): Promise<T> {
  const here = scratch.directory('replaced git');
  const real = join(git(scratch.path, '--exec-path'), 'git');
  writeFileSync(join(here, 'git'), `#!/bin/sh\nreal='${real}'\nhere='${here}'\n${script}\n`, { mode: 0o755 });
  const path = process.env['PATH'];
  process.env['PATH'] = `${here}${delimiter}${String(path)}`;
  try {
    return await work(here);
  } finally {
    process.env['PATH'] = path;
  }
}

/** Never ends what is asked for with `command`, and does all the rest. */
export const endless = (command: string): string =>
  `case " $* " in *' ${command} '*) sleep 600 & wait;; esac; exec "$real" "$@"`;
