import { mkdir } from 'node:fs/promises';
import { execa } from 'execa';
import type { ExecutionDirectory } from '../execution-directory.js';
import type { Argv, Isolation, StartedCommand } from './isolation.js';

const END_MS = 10_000;

/** Agents run behind a command that the operator names, such as bubblewrap or a container runtime. */
export class Wrapper implements Isolation {
  readonly level = 'wrapper';
  readonly hasOwnHomes = false;

  constructor(
    private readonly prefix: Argv,
    /** Run once the agent is over; ends what a process tree does not show, such as a container. Empty: nothing. */
    private readonly ending: readonly string[],
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  get means(): string {
    return this.prefix[0];
  }

  async admit(directory: ExecutionDirectory): Promise<void> {
    for (const path of [directory.home, directory.temporary]) await mkdir(path, { recursive: true, mode: 0o700 });
  }

  command(argv: Argv, directory: ExecutionDirectory): StartedCommand {
    const [file, ...rest] = this.prefix;
    const args = rest.map((item) => filled(item, directory));
    return { argv: [file, ...args, ...argv], program: argv[0], environment: this.environment, confirms: false };
  }

  async reclaim(directory: ExecutionDirectory): Promise<void> {
    const [file, ...rest] = this.ending;
    if (file !== undefined) {
      const args = rest.map((item) => filled(item, directory));
      // A container that has ended by itself is no longer there to be ended.
      await execa(file, args, {
        env: this.environment,
        extendEnv: false,
        reject: false,
        timeout: END_MS,
        stdin: 'ignore',
      });
    }
    await directory.removeTemporary();
  }
}

/** The places of one execution, as an item of the command may name them. */
function filled(item: string, directory: ExecutionDirectory): string {
  return item
    .replaceAll('{checkout}', directory.checkout)
    .replaceAll('{home}', directory.home)
    .replaceAll('{tmp}', directory.temporary)
    .replaceAll('{execution}', directory.executionId);
}
