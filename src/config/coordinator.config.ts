import { hostname } from 'node:os';
import { Configuration, type Environment } from './load.js';
import { seconds, text, whole } from './readers.js';
import { loadRunnerSettings, type RunnerSettings } from './runner.config.js';
import { Variable } from './variable.js';

/** A coordinator process (`miyabi coordinator`). Its workers are configured by the variables of workers. */
export class CoordinatorConfig {
  @Variable({
    name: 'MIYABI_COORDINATOR_NAME',
    about: 'Name of the coordinator; its workers are called after it. Default: the host name.',
    read: text,
    default: hostname(),
  })
  readonly name!: string;

  @Variable({
    name: 'MIYABI_COORDINATOR_DIR',
    about: 'Directory of the coordinator, with those of its workers below.',
    read: text,
    default: '.miyabi/coordinator',
  })
  readonly directory!: string;

  @Variable({
    name: 'MIYABI_COORDINATOR_WORKERS',
    about: 'How many worker processes it runs.',
    read: whole(1, 256),
    default: 2,
  })
  readonly workers!: number;

  @Variable({
    name: 'MIYABI_DRAIN_SECONDS',
    about: 'How long its workers have to finish what they run when it is told to stop, before their agents are ended.',
    read: seconds(0, 604_800),
    default: 600,
  })
  readonly drain_seconds!: number;
}

/** Everything a coordinator is started with. */
export interface CoordinatorSettings extends RunnerSettings {
  readonly coordinator: CoordinatorConfig;
  /** What its workers are started with. */
  readonly environment: Environment;
}

/** Checked configuration of a coordinator and its workers. Throws ConfigurationFaults. */
export function loadCoordinatorSettings(environment: Environment): CoordinatorSettings {
  return {
    ...loadRunnerSettings(environment),
    coordinator: new Configuration([CoordinatorConfig], environment).get(CoordinatorConfig),
    environment,
  };
}
