/** Exit codes of `miyabi`, as docs/command-line.md has them. */
export const EXIT = {
  done: 0,
  /** The server refused, or what was asked about has failed. */
  refused: 1,
  usage: 2,
  unreachable: 3,
  signedOut: 4,
  /** As shells count a program that Ctrl-C ended. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with a message for people. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    readonly exit: ExitCode = EXIT.refused,
    /** What to do next. */
    readonly hint: string | null = null,
    /** The server's own words, for `--json`. */
    readonly problem: unknown = null,
  ) {
    super(message);
    this.name = 'CommandFailed';
  }
}
