import { CommanderError, type Command } from 'commander';
import { loadCliSettings } from '../config/cli.config.js';
import { ConfigurationFaults, type Environment } from '../config/load.js';
import type { Context } from './context.js';
import { CommandFailed, EXIT } from './exits.js';
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
  strict(program);
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

/** Usage errors are thrown, by each command. */
function strict(command: Command): void {
  command.exitOverride();
  command.commands.forEach(strict);
}

function failed(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ConfigurationFaults) {
    terminal.note(error.message);
    return EXIT.usage;
  }
  if (!(error instanceof CommandFailed)) {
    terminal.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return EXIT.refused;
  }
  const { message, hint, problem, exit } = error;
  if (terminal.json && problem !== null) terminal.note(JSON.stringify(problem));
  else terminal.note(`miyabi: ${message}${hint === null ? '' : `\n${hint}`}`);
  return exit;
}
