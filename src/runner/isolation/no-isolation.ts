import type { Argv, Isolation, StartedCommand } from './isolation.js';

/** Agents run as the account of the worker, and can read what it can read. */
export class NoIsolation implements Isolation {
  readonly level = 'none';
  readonly hasOwnHomes = false;
  readonly means = 'as the account of this worker';

  constructor(private readonly environment: Readonly<Record<string, string>>) {}

  admit(): Promise<void> {
    return Promise.resolve();
  }

  command(argv: Argv): StartedCommand {
    return { argv, program: argv[0], environment: this.environment, confirms: false };
  }

  reclaim(): Promise<void> {
    return Promise.resolve();
  }
}
