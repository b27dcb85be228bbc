import { hostname } from 'node:os';
import { AGENT_ENV, AGENT_HOME_FILES, GIT_ENV, pick } from './agent-surroundings.js';
import { Configuration, type Environment } from './load.js';
import { LogLimitsConfig } from './log-limits.config.js';
import { argv, list, pairs, onOff, oneOf, orNever, portRange, seconds, text, url, whole } from './readers.js';
import { RuntimeConfig } from './runtime.config.js';
import { SupervisedConfig } from './supervised.config.js';
import { Variable } from './variable.js';

const GIB = 1024 ** 3;

/** A worker process (the runner). */
export class RunnerConfig {
  @Variable({ name: 'MIYABI_URL', about: 'Address of the server, without a path.', read: url('http', 'https') })
  readonly url!: string;

  @Variable({
    name: 'MIYABI_KEY',
    about:
      'Key with the permission to register workers. The worker gets a token of its own with it. Default: none; the worker has joined, or joins with MIYABI_JOIN_TOKEN.',
    read: text,
    default: '',
    secret: true,
  })
  readonly key!: string;

  @Variable({
    name: 'MIYABI_JOIN_TOKEN',
    about:
      'Token with which a machine joins, once: its worker or coordinator then keeps a token of its own in its directory and comes back with that.',
    read: text,
    default: '',
    secret: true,
  })
  readonly join_token!: string;

  @Variable({
    name: 'MIYABI_WORKER_NAME',
    about: 'Name of this worker. Default: the host name.',
    read: text,
    default: hostname(),
  })
  readonly worker_name!: string;

  @Variable({
    name: 'MIYABI_WORKER_SCOPE',
    about: 'Whose tasks it takes: those of its organization, or of every organization of the instance.',
    read: oneOf('organization', 'instance'),
    default: 'organization',
  })
  readonly worker_scope!: 'organization' | 'instance';

  @Variable({
    name: 'MIYABI_WORKER_DIR',
    about: 'Directory of the worker: repository caches, checkouts, what is not yet delivered.',
    read: text,
    default: '.miyabi/worker',
  })
  readonly worker_dir!: string;

  @Variable({ name: 'MIYABI_CAPACITY', about: 'Executions it runs at once.', read: whole(1, 256), default: 2 })
  readonly capacity!: number;

  @Variable({
    name: 'MIYABI_LABELS',
    about: 'Labels `key` or `key=value`, separated by commas.',
    read: list,
    default: [],
  })
  readonly labels!: readonly string[];

  @Variable({
    name: 'MIYABI_ACCOUNTS',
    about:
      'What the fleet calls the accounts of command-line agents, `claude=team-a,codex=team-b`: a limit of a provider stops those with the same account. Default: the one of the organization.',
    read: pairs,
    default: {},
  })
  readonly accounts!: Readonly<Record<string, string>>;

  @Variable({
    name: 'MIYABI_AGENT_TYPES',
    about: 'Agent types it takes, separated by commas. Default: any.',
    read: list,
    default: [],
  })
  readonly agent_types!: readonly string[];

  @Variable({
    name: 'MIYABI_CHANNEL',
    about:
      'Whether it keeps a connection of its own to the server (a WebSocket) and speaks over it while it is open. Off: by requests alone.',
    read: onOff,
    default: true,
  })
  readonly channel!: boolean;

  @Variable({
    name: 'AGENT_ENV',
    about:
      'Names of the environment variables agents get, separated by commas. Default: home, path, language, terminal, time zone and what the known agents and providers sign in with.',
    read: list,
    default: AGENT_ENV,
  })
  readonly agent_env!: readonly string[];

  @Variable({
    name: 'STALL_SECONDS',
    about: 'Silence of an agent after which it is ended as `stalled`.',
    read: seconds(0.1, 86_400),
    default: 1800,
  })
  readonly stall_seconds!: number;

  @Variable({
    name: 'TERM_GRACE_SECONDS',
    about: 'Time an agent has between being asked to end (TERM) and being ended (KILL).',
    read: seconds(0, 600),
    default: 10,
  })
  readonly term_grace_seconds!: number;

  @Variable({
    name: 'DISK_MIN_FREE',
    about: 'Free bytes on the disk of the worker directory below which nothing new is claimed.',
    read: whole(0, 999_999_999_999_999),
    default: 5 * GIB,
  })
  readonly disk_min_free!: number;

  @Variable({
    name: 'DISK_BUDGET',
    about:
      'Bytes that caches and kept checkouts may take together; above it the oldest go that hold nothing of their own. 0 is no limit. The workers of a coordinator share it in equal parts.',
    read: whole(0, 999_999_999_999_999),
    default: 50 * GIB,
  })
  readonly disk_budget!: number;

  @Variable({
    name: 'INVENTORY_SECONDS',
    about: 'How often the server is told what is on the disk, and says what is to go. News is told at once.',
    read: seconds(1, 3600),
    default: 60,
  })
  readonly inventory_seconds!: number;

  @Variable({
    name: 'LOOK_SECONDS',
    about:
      'How often a checkout is looked at while an agent works in it, so that the server can tell what it holds and foretell conflicts. From 0.5; less often where a look takes long. 0: never.',
    read: orNever(seconds(0.5, 3600)),
    default: 15,
  })
  readonly look_seconds!: number;

  @Variable({
    name: 'LAUNCHERS_SECONDS',
    about:
      'How often the command-line agents of this machine are looked at again; the server is told what has changed.',
    read: seconds(1, 86_400),
    default: 900,
  })
  readonly launchers_seconds!: number;

  @Variable({
    name: 'MAX_FILE_BYTES',
    about:
      'Size of a file in bytes above which it is not committed. The checkout is then kept, and the reason names the file.',
    read: whole(1, 999_999_999_999_999),
    default: GIB,
  })
  readonly max_file_bytes!: number;

  @Variable({
    name: 'AGENT_ISOLATION',
    about:
      'How agents are kept from the rest of the machine: `uid`, `namespace`, `wrapper` or `none`. `best`: as AGENT_USER or AGENT_SANDBOX says where one is set, else by namespaces where the machine has them.',
    read: oneOf('best', 'uid', 'namespace', 'wrapper', 'none'),
    default: 'best',
  })
  readonly agent_isolation!: 'best' | 'uid' | 'namespace' | 'wrapper' | 'none';

  @Variable({
    name: 'AGENT_USER',
    about: 'Account that agents run as; the worker must then be root. Not for `none`, `namespace` and `wrapper`.',
    read: text,
    default: '',
  })
  readonly agent_user!: string;

  @Variable({
    name: 'AGENT_SANDBOX',
    about:
      'Command that runs agents, such as bubblewrap or a container runtime: words, or a JSON list of texts. The command of the agent is put behind it; `{checkout}`, `{home}`, `{tmp}` and `{execution}` are filled in.',
    read: argv,
    default: [],
  })
  readonly agent_sandbox!: readonly string[];

  @Variable({
    name: 'AGENT_SANDBOX_END',
    about: 'Command that ends what AGENT_SANDBOX may leave behind, such as a container. Same form.',
    read: argv,
    default: [],
  })
  readonly agent_sandbox_end!: readonly string[];

  @Variable({
    name: 'AGENT_READABLE',
    about: 'More absolute paths that agents in namespaces may read, separated by commas.',
    read: list,
    default: [],
  })
  readonly agent_readable!: readonly string[];

  @Variable({
    name: 'AGENT_WRITABLE',
    about: 'Absolute paths that agents in namespaces may write to beside their checkout, separated by commas.',
    read: list,
    default: [],
  })
  readonly agent_writable!: readonly string[];

  @Variable({
    name: 'AGENT_HIDDEN',
    about:
      'Absolute paths that agents in namespaces do not see although they lie below /opt, /usr or /etc, separated by commas: the data directory of a server, for instance.',
    read: list,
    default: [],
  })
  readonly agent_hidden!: readonly string[];

  @Variable({
    name: 'AGENT_HOME_FILES',
    about:
      'Files of the home of the worker that agents in namespaces get a copy of, separated by commas. Default: what the known agents keep their sign-in in.',
    read: list,
    default: AGENT_HOME_FILES,
  })
  readonly agent_home_files!: readonly string[];

  @Variable({
    name: 'AGENT_PORTS',
    about:
      'Ports that executions get blocks of where a repository asks for some. Workers of one machine may share the range. Default: 20000-31999.',
    read: portRange,
    default: { first: 20_000, last: 31_999 },
  })
  readonly agent_ports!: { readonly first: number; readonly last: number };

  @Variable({
    name: 'REPOSITORY_FILES',
    about:
      'Directory with files for checkouts that are in no repository, such as `.env.test`: below `<owner>/<name>` or `<repository id>`. Without it none are copied.',
    read: text,
    default: '',
  })
  readonly repository_files!: string;

  @Variable({
    name: 'ALLOW_ISOLATION_NONE',
    about:
      'Whether agents may run as the account of the worker where nothing better can be had; a worker does not start otherwise. Off in production, on elsewhere.',
    read: onOff,
    default: false,
    development: true,
  })
  readonly allow_isolation_none!: boolean;
}

/** Everything a runner is started with. */
export interface RunnerSettings {
  readonly runner: RunnerConfig;
  readonly logLimits: LogLimitsConfig;
  readonly supervised: SupervisedConfig;
  readonly runtime: RuntimeConfig;
  /** Variables of the allow-list, with their values, for agents. */
  readonly agentEnvironment: Readonly<Record<string, string>>;
  /** Variables for the runner's own git. */
  readonly gitEnvironment: Readonly<Record<string, string>>;
}

/** Checked configuration of a runner. Throws ConfigurationFaults with all faults at once. */
export function loadRunnerSettings(environment: Environment): RunnerSettings {
  const configuration = new Configuration(
    [RuntimeConfig, RunnerConfig, LogLimitsConfig, SupervisedConfig],
    environment,
  );
  const runner = configuration.get(RunnerConfig);
  return {
    runner,
    logLimits: configuration.get(LogLimitsConfig),
    supervised: configuration.get(SupervisedConfig),
    runtime: configuration.get(RuntimeConfig),
    agentEnvironment: pick(environment, runner.agent_env),
    gitEnvironment: pick(environment, GIT_ENV),
  };
}
