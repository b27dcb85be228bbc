import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Configuration, type Environment } from './load.js';
import { text } from './readers.js';
import { Variable } from './variable.js';

/** The command line `miyabi`. */
export class CliConfig {
  @Variable({
    name: 'MIYABI_API_KEY',
    about: 'API key with which `miyabi` speaks for a program, in place of `miyabi login`.',
    read: text,
    default: '',
    secret: true,
  })
  readonly api_key!: string;

  @Variable({
    name: 'MIYABI_API_KEY_FILE',
    about: 'File that holds the API key; `--api-key-file` names another one.',
    read: text,
    default: '',
  })
  readonly api_key_file!: string;
}

/** Everything the command line takes from its surroundings. */
export interface CliSettings {
  readonly cli: CliConfig;
  /** MIYABI_URL, or empty. */
  readonly url: string;
  /** Directory for what is a secret of this person. */
  readonly config_directory: string;
  /** Directory of the workers of this account, unless they are told another. */
  readonly worker_directory: string;
  /** Directory of the coordinator of this account, unless it is told another. */
  readonly coordinator_directory: string;
  readonly mayColour: boolean;
  readonly environment: Environment;
}

/** Throws ConfigurationFaults. Directories are those of the XDG base directory specification. */
export function loadCliSettings(environment: Environment): CliSettings {
  const home = environment['HOME'] || homedir();
  const place = (name: string, ...otherwise: string[]): string => environment[name] || join(home, ...otherwise);
  const worker_directory =
    environment['MIYABI_WORKER_DIR'] || join(place('XDG_DATA_HOME', '.local', 'share'), 'miyabi', 'worker');
  return {
    cli: new Configuration([CliConfig], environment).get(CliConfig),
    url: environment['MIYABI_URL'] ?? '',
    config_directory: join(place('XDG_CONFIG_HOME', '.config'), 'miyabi'),
    worker_directory,
    coordinator_directory: environment['MIYABI_COORDINATOR_DIR'] || join(dirname(worker_directory), 'coordinator'),
    // https://no-color.org: present and not empty.
    mayColour: !environment['NO_COLOR'] && environment['TERM'] !== 'dumb',
    environment,
  };
}
