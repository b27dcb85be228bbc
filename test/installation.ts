import { randomBytes } from 'node:crypto';
import { accessSync, constants, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { newKey } from '../src/auth/keys.js';
import { endProcessesWith, processesWith, Program, quietPort, type Variables } from './processes.js';
import { Scratch } from './scratch-git.js';
import { NO_LIMITS } from './test-app.js';
import { createDatabase, type TestDatabase } from './test-database.js';

/** Figures that make a test wait seconds where an operator would wait minutes. */
const QUICK: Variables = {
  SWEEP_SECONDS: '0.3',
  SWEEP_GAP_SECONDS: '2',
  HEARTBEAT_SECONDS: '1',
  LEASE_SECONDS: '30',
  RETRY_BASE_SECONDS: '0.1',
};

/** What the commands of the tests need. The PATH of a developer may hold agents, which would be found and launched. */
const TOOLS = [
  ...[
    'bash',
    'cat',
    'chmod',
    'env',
    'git',
    'head',
    'ln',
    'ls',
    'mkdir',
    'setsid',
    'sh',
    'sleep',
    'tee',
    'touch',
    'yes',
  ],
];

const MARK = 'AGENT_MARK';

/** The product as it is deployed: an API process over a database of its own, and workers, each a process. */
export class Installation {
  readonly scratch = new Scratch();
  /** Key with which workers of the instance register. */
  readonly key = newKey('myk_');
  readonly jwtSecret = randomBytes(32).toString('base64');
  private readonly runners: Program[] = [];
  private readonly marks: string[] = [];
  private readonly path = this.toolbox();
  private api: Program | null = null;
  private port = 0;

  private constructor(
    readonly database: TestDatabase,
    private readonly settings: Variables,
  ) {}

  /** `settings` are variables of the server that win over the quick ones. */
  static async start(settings: Variables = {}): Promise<Installation> {
    const installation = new Installation(await createDatabase(), settings);
    try {
      installation.port = await quietPort();
      await installation.startApi();
      return installation;
    } catch (error) {
      await installation.close();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** Directory of the bare mirrors. */
  get mirrors(): string {
    return this.scratch.directory('mirrors');
  }

  /** Starts the server, after `killApi` again under the same address. */
  async startApi(): Promise<void> {
    const environment = {
      ...this.surroundings(),
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: String(this.port),
      DATABASE_URL: this.database.url,
      JWT_SECRET: this.jwtSecret,
      MOCK_LOGIN: 'on',
      ...NO_LIMITS,
      WORKER_REGISTRATION_KEY: this.key,
      GIT_ROOT: this.mirrors,
      LOCAL_REPOSITORY_ROOTS: this.scratch.path,
      LOG_LEVEL: 'warn',
      ...QUICK,
      ...this.settings,
    };
    this.api = new Program('the server', 'main.js', environment, this.scratch.path);
    await this.api.listening();
  }

  async killApi(): Promise<void> {
    await this.api?.kill();
  }

  /** Starts a worker. The one of an earlier run with this name is what it comes back as. */
  startRunner(name: string, variables: Variables = {}): Program {
    return this.startWorking(name, 'runner/main.js', {
      MIYABI_WORKER_NAME: name,
      MIYABI_WORKER_DIR: this.workerDirectory(name),
      ...variables,
    });
  }

  /** Starts a coordinator, which starts workers. */
  startCoordinator(name: string, variables: Variables = {}): Program {
    return this.startWorking(name, 'runner/coordinator/main.js', {
      MIYABI_COORDINATOR_NAME: name,
      MIYABI_COORDINATOR_DIR: this.scratch.directory(join('coordinators', name)),
      ...variables,
    });
  }

  private startWorking(
    name: string,
    entry: 'runner/main.js' | 'runner/coordinator/main.js',
    variables: Variables,
  ): Program {
    const environment = {
      ...this.surroundings(),
      PATH: this.path,
      NODE_ENV: 'test',
      MIYABI_URL: this.url,
      MIYABI_KEY: this.key,
      MIYABI_WORKER_SCOPE: 'instance',
      MIYABI_CAPACITY: '4',
      DISK_MIN_FREE: '0',
      TERM_GRACE_SECONDS: '0.5',
      AGENT_ISOLATION: 'none',
      ...variables,
    };
    const runner = new Program(name, entry, environment, this.scratch.path);
    this.runners.push(runner);
    return runner;
  }

  workerDirectory(name: string): string {
    return this.scratch.directory(join('workers', name));
  }

  /** A PATH with the tools and the programs of one more directory. */
  pathWith(directory: string): string {
    return [directory, this.path].join(delimiter);
  }

  /**
   * A script task whose processes can all be found again, whatever they do to get away: each inherits a mark, which
   * `alive` looks for. `given` are variables of the script.
   */
  script(text: string, given: Variables = {}): { agent_type: string; metadata: { command: string[] }; mark: string } {
    const mark = `${MARK}=${randomBytes(8).toString('hex')}`;
    this.marks.push(mark);
    const assignments = Object.entries(given).map(([name, value]) => `${name}=${value}`);
    return { agent_type: 'script', metadata: { command: ['env', mark, ...assignments, 'bash', '-c', text] }, mark };
  }

  /** Pids of the live processes with a mark. */
  alive(mark: string): number[] {
    return processesWith(mark);
  }

  /** What all processes are and last said, for the message of a failing test. */
  report(): string {
    return [this.api, ...this.runners].map((program) => program?.report() ?? '').join('\n');
  }

  /** Ends every process and removes everything; goes through to the end whatever fails on the way. */
  async close(): Promise<void> {
    const faults: unknown[] = [];
    const steps: (() => unknown)[] = [
      ...this.runners.filter(({ running }) => running).map((runner) => () => runner.stop()),
      ...this.marks.map((mark) => () => endProcessesWith(mark)),
      () => this.killApi(),
      () => this.database.drop(),
      () => this.scratch.remove(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, 'not everything could be cleaned up');
  }

  private surroundings(): Variables {
    const own = { HOME: this.scratch.directory('home'), LANG: 'C.UTF-8', LOG_FORMAT: 'json' };
    // By the run's mark `npm test` finds what a killed test has left.
    const inherited = ['TMPDIR', 'MIYABI_TEST_RUN'].map((name) => [name, process.env[name] ?? ''] as const);
    return { ...own, ...Object.fromEntries(inherited.filter(([, value]) => value !== '')) };
  }

  private toolbox(): string {
    const directory = this.scratch.directory('tools');
    for (const tool of TOOLS) {
      const program = findProgram(tool);
      // macOS has no setsid: only the tests that use it fail there, and say so.
      if (program !== null) symlinkSync(program, join(directory, tool));
    }
    symlinkSync(process.execPath, join(directory, 'node'));
    return directory;
  }
}

function findProgram(name: string): string | null {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, name));
  const isRunnable = (file: string): boolean => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return places.find(isRunnable) ?? null;
}
