import type { ExecutionDirectory } from '../execution-directory.js';

/** How agents are kept from the rest of the machine, in the words of the protocol. */
export type IsolationLevel = 'uid' | 'namespace' | 'wrapper' | 'none';

export type Argv = readonly [string, ...string[]];

/** A command as it is really started. */
export interface StartedCommand {
  readonly argv: Argv;
  /** The agent's own program. */
  readonly program: string;
  /** The allow-list; nothing else of the runner's environment reaches the agent. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether it says on file descriptor 3 that the agent may begin; a sandbox that fails before that is no agent that failed. */
  readonly confirms: boolean;
}

/** One way of running agents. */
export interface Isolation {
  readonly level: IsolationLevel;
  /** What it is made of, for whoever reads the log. */
  readonly means: string;
  /** Whether each agent has a home of its own, which goes with it. */
  readonly hasOwnHomes: boolean;
  /**
   * Makes the directories that an agent may write to its own. Nothing of an agent has run in there yet. Where each has a
   * home of its own, `furnish` puts into it what it needs beside its sign-in.
   */
  admit(directory: ExecutionDirectory, furnish?: (home: string) => Promise<void>): Promise<void>;
  command(argv: Argv, directory: ExecutionDirectory): StartedCommand;
  /** Looks again at what this machine has for agents, where it was looked at before. */
  lookAgain?(): Promise<void>;
  /** Takes the directories back, once no process of the agent is left. */
  reclaim(directory: ExecutionDirectory): Promise<void>;
}

/** A way of running agents that this machine, or its configuration, does not offer. */
export class IsolationUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'IsolationUnavailable';
  }
}
