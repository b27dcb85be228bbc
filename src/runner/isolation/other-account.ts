import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ExecutionDirectory } from '../execution-directory.js';
import { becoming, give, systemProgram, takeBack, type Account } from './account.js';
import type { Argv, Isolation, StartedCommand } from './isolation.js';
import { WARD_SCRIPT } from './sandbox-scripts.js';

/** May be passed through, not listed: whoever knows the name of something in there can reach it if that lets him. */
const PASSABLE = 0o711;
const PRIVATE = 0o700;

/** Agents run as another account, which can read nothing of this one; where the system lets us, in a PID namespace as well. */
export class OtherAccount implements Isolation {
  readonly level = 'uid';
  readonly hasOwnHomes = false;

  constructor(
    private readonly account: Account,
    private readonly environment: Readonly<Record<string, string>>,
    /** Whether a PID namespace can be had. Containers often forbid it. */
    private readonly hasNamespaces: boolean,
  ) {}

  get means(): string {
    return `as ${this.account.name}${this.hasNamespaces ? ', in a PID namespace' : ''}`;
  }

  async admit(directory: ExecutionDirectory): Promise<void> {
    await mkdir(directory.temporary, { recursive: true, mode: PRIVATE });
    await give([directory.checkout, directory.temporary], this.account.uid, this.account.gid);
    const executions = dirname(directory.path);
    for (const path of [dirname(executions), executions, directory.path]) await chmod(path, PASSABLE);
  }

  command(argv: Argv, directory: ExecutionDirectory): StartedCommand {
    const { name, home } = this.account;
    const own = { HOME: home, USER: name, LOGNAME: name, TMPDIR: directory.temporary };
    const environment = { ...this.environment, ...own };
    const command: Argv = [...becoming(this.account), ...argv];
    if (!this.hasNamespaces) return { argv: command, program: argv[0], environment, confirms: false };
    const apart = ['--mount', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc', '--'];
    return {
      argv: [systemProgram('unshare'), ...apart, systemProgram('sh'), '-c', WARD_SCRIPT, 'ward', argv[0], ...command],
      program: argv[0],
      environment,
      confirms: true,
    };
  }

  async reclaim(directory: ExecutionDirectory): Promise<void> {
    // First the door, then the furniture: another agent of this account may be looking.
    await chmod(directory.path, PRIVATE);
    await takeBack([directory.checkout], this.account);
    await directory.removeTemporary();
  }
}
