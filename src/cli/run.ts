import { CommanderError, type Command } from 'commander';
import { loadCliSettings } from '../config/cli.config.js';
import { ConfigurationFaults, type Environment } from '../config/load.js';
import type { Context } from './context.js';
import { CommandFailed, EXIT, type ExitCode } from './exits.js';
import { programOf, type GlobalOptions } from './program.js';
import { Session } from './session.js';
import { Terminal } from './terminal.js';

/** Runs one command in this process; answers its exit code. `argv` begins behind the program's own name. */
export async function runCommand(argv: readonly string[], environment: Environment): Promise<number> {
  const stopping = new AbortController();
  let exit: number = EXIT.done;
  let terminal = new Terminal(process.stdout, process.stderr, argv.includes('--json'), false);
  const open = ({ json = false, color, url, apiKeyFile }: GlobalOptions): Context => {
    const settings = loadCliSettings(environment);
    terminal = new Terminal(process.stdout, process.stderr, json, settings.mayColour && color);
    const session = new Session(settings, { url, apiKeyFile });
    return { settings, session, terminal, signal: stopping.signal, client: () => session.client() };
  };
  const program = programOf(open, (code) => (exit = code));
  strict(program, terminal.json);
  const interrupt = (): void => stopping.abort();
  // Workers and coordinators stop in their own way, which takes its time.
  if (!argv.includes('worker') && !argv.includes('coordinator'))
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    return stopping.signal.aborted ? EXIT.interrupted : failed(error, terminal);
  }
}

/** Usage errors are thrown, by each command; as JSON they are told like all others. */
function strict(command: Command, json: boolean): void {
  command.exitOverride();
  if (json) command.configureOutput({ outputError: () => undefined });
  for (const one of command.commands) strict(one, json);
}

/** What this program has to say of itself, beside the problems of the server. */
const CODES: Readonly<Record<ExitCode, string>> = {
  [EXIT.done]: 'cli/done',
  [EXIT.refused]: 'cli/failed',
  [EXIT.usage]: 'cli/usage',
  [EXIT.unreachable]: 'cli/unreachable',
  [EXIT.signedOut]: 'cli/signed-out',
  [EXIT.interrupted]: 'cli/interrupted',
};

function failed(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done;
    if (terminal.json && error.code !== 'commander.help') tell(new CommandFailed(saidBy(error), EXIT.usage), terminal);
    return EXIT.usage;
  }
  if (error instanceof CommandFailed) return tell(error, terminal);
  if (error instanceof ConfigurationFaults) return tell(new CommandFailed(error.message, EXIT.usage), terminal);
  terminal.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.refused;
}

const saidBy = ({ message }: CommanderError): string => message.replace(/^error: /, '');

function tell({ message, hint, problem, exit }: CommandFailed, terminal: Terminal): number {
  if (terminal.json) terminal.note(JSON.stringify(problem ?? { code: CODES[exit], detail: message, hint }));
  else terminal.note(`miyabi: ${message}${hint === null ? '' : `\n${hint}`}`);
  return exit;
}
