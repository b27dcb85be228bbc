import { Command, InvalidArgumentError, Option } from 'commander';
import { PROTOCOL } from '../runner/registration.js';
import { VERSION } from '../version.js';
import { coordinator, type CoordinatorOptions } from './commands/coordinator.js';
import { doctor } from './commands/doctor.js';
import { login, logout } from './commands/login.js';
import { logs } from './commands/logs.js';
import { status } from './commands/status.js';
import {
  cancelTask,
  createTask,
  explainTask,
  listTasks,
  retryTask,
  showTask,
  type CreateOptions,
  type ListOptions,
} from './commands/tasks.js';
import { worker, type WorkerOptions } from './commands/worker.js';
import { invite, listWorkers } from './commands/workers.js';
import type { Context } from './context.js';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly apiKeyFile?: string;
  /** False with `--no-color`. */
  readonly color: boolean;
}

const STATES = ['blocked', 'pending', 'running', 'completed', 'failed', 'cancelled', 'skipped'];

/** The commands. `open` makes what a command works with from the global options; `exit` is told a code that is not 0. */
export function programOf(open: (options: GlobalOptions) => Context, exit: (code: number) => void): Command {
  const program = new Command('miyabi')
    .description('The command line of a Miyabi control plane: run workers, create tasks, read along.')
    .version(`${VERSION} (worker protocol ${String(PROTOCOL)})`)
    .option('--json', 'answer in JSON')
    .option('--url <address>', 'address of the server (MIYABI_URL)')
    .option('--api-key-file <file>', 'file with an API key (MIYABI_API_KEY_FILE; the key itself in MIYABI_API_KEY)')
    .option('--no-color', 'without colours (also NO_COLOR)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 server not reachable, 4 not signed in.',
    );
  const context = (command: Command): Context => open(command.optsWithGlobals<GlobalOptions>());

  program
    .command('login')
    .description('sign in: a code is shown, and approved in a browser')
    .action((_, command: Command) => login(context(command)));
  program
    .command('logout')
    .description('end the session and forget its tokens')
    .action((_, command: Command) => logout(context(command)));
  program
    .command('status')
    .description('health, workers, queue')
    .action((_, command: Command) => status(context(command)));
  program
    .command('doctor')
    .description('what this machine has and lacks, and what to do about it')
    .action((_, command: Command) => doctor(context(command)));
  program
    .command('logs')
    .description('the log of an execution, or of the last one of a task')
    .argument('<id>', 'execution or task')
    .option('-f, --follow', 'go on until the end; of a task also through its further attempts')
    .action((id: string, options: { follow?: boolean }, command: Command) => logs(context(command), id, options));
  addWorker(program, context, exit);
  addCoordinator(program, context, exit);
  addWorkers(program, context);
  addTasks(program, context);
  return program;
}

type ContextOf = (command: Command) => Context;

function addWorker(program: Command, context: ContextOf, exit: (code: number) => void): void {
  program
    .command('worker')
    .description('run a worker until it is told to stop')
    .option('--name <name>', 'its name (MIYABI_WORKER_NAME; the host name)')
    .option('--dir <directory>', 'its directory (MIYABI_WORKER_DIR; ~/.local/share/miyabi/worker)')
    .option('--capacity <number>', 'executions at once (MIYABI_CAPACITY)')
    .option('--labels <labels>', 'labels, separated by commas (MIYABI_LABELS)')
    .option('--agent-types <types>', 'agent types it takes, separated by commas (MIYABI_AGENT_TYPES)')
    .action(async (options: WorkerOptions, command: Command) => exit(await worker(context(command), options)));
}

function addCoordinator(program: Command, context: ContextOf, exit: (code: number) => void): void {
  program
    .command('coordinator')
    .description('run several workers on this machine, and keep them running, until it is told to stop')
    .option('--workers <number>', 'how many (MIYABI_COORDINATOR_WORKERS)')
    .option('--name <name>', 'its name (MIYABI_COORDINATOR_NAME; the host name)')
    .option('--dir <directory>', 'its directory (MIYABI_COORDINATOR_DIR; ~/.local/share/miyabi/coordinator)')
    .option('--capacity <number>', 'executions at once, of each worker (MIYABI_CAPACITY)')
    .option('--labels <labels>', 'labels, separated by commas (MIYABI_LABELS)')
    .action(async (options: CoordinatorOptions, command: Command) =>
      exit(await coordinator(context(command), options)),
    );
}

function addWorkers(program: Command, context: ContextOf): void {
  const workers = program.command('workers').description('the workers of the organization');
  workers
    .command('list')
    .description('list them, the last registered first')
    .addOption(limit())
    .action((options: { limit: number }, command: Command) => listWorkers(context(command), options));
  workers
    .command('invite')
    .description('print one line to paste on another machine, which then joins as a worker, or as a host of several')
    .option('--coordinator', 'let it run a coordinator, which keeps several workers running')
    .option('--workers <number>', 'the same, and how many', whole)
    .option('--uses <number>', 'how many machines may join with it', whole)
    .option('--expires-in <seconds>', 'how long, from 60 to 86400 s', whole)
    .option('--label <label...>', 'labels that its workers get')
    .action((options: Parameters<typeof invite>[1], command: Command) => invite(context(command), options));
}

function addTasks(program: Command, context: ContextOf): void {
  const tasks = program.command('tasks').description('list, create, show, cancel, retry and explain tasks');
  tasks
    .command('list')
    .description('list tasks, newest first')
    .addOption(new Option('--status <status...>', 'only of these statuses').choices(STATES))
    .option('--repository <id>', 'only of this repository')
    .option('--agent-type <type>', 'only for this agent')
    .option('--cursor <cursor>', 'go on where another page ended')
    .addOption(limit())
    .action((options: ListOptions, command: Command) => listTasks(context(command), options));
  tasks
    .command('create')
    .description('create a task and print its id')
    .argument('<name>', 'what is to be done')
    .option('--description <text>', 'the brief; - reads it from standard input')
    .option('--repository <id>', 'repository to work in')
    .option('--agent-type <type>', 'who is to do it')
    .addOption(new Option('--priority <priority>', 'how urgent it is').choices(['P0', 'P1', 'P2', 'P3']))
    .option('--label <label...>', 'labels that its worker must have')
    .option('--depends-on <id...>', 'tasks that come first')
    .option('--base-ref <ref>', 'what it starts from')
    .option('--max-retries <number>', 'further attempts after failures', whole)
    .option('--timeout <seconds>', 'how long an attempt may take', whole)
    .option('--metadata <json>', 'a JSON object of your own')
    .option('--wait', 'wait for its end, and fail unless it completes')
    .action((name: string, options: CreateOptions, command: Command) => createTask(context(command), name, options));
  tasks
    .command('show')
    .description('show a task')
    .argument('<id>')
    .option('--wait', 'wait for its end, and fail unless it completes')
    .action((id: string, options: { wait?: boolean }, command: Command) => showTask(context(command), id, options));
  tasks
    .command('cancel')
    .description('cancel a task; one that runs is asked to end')
    .argument('<id>')
    .option('--reason <text>', 'why')
    .action((id: string, options: { reason?: string }, command: Command) => cancelTask(context(command), id, options));
  tasks
    .command('retry')
    .description('begin anew with a task that failed, was cancelled or skipped')
    .argument('<id>')
    .action((id: string, _, command: Command) => retryTask(context(command), id));
  tasks
    .command('explain')
    .description('why a task is not running, or how it ended')
    .argument('<id>')
    .action((id: string, _, command: Command) => explainTask(context(command), id));
}

const limit = (): Option => new Option('--limit <number>', 'how many, up to 100').argParser(whole).default(20);

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
