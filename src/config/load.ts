import { variablesOf, type VariableInfo } from './variable.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration class may check its fields against each other. */
export interface CrossChecked {
  /** What is wrong with the combination of values, a sentence each. */
  faults(): readonly string[];
}

/** Everything that is wrong with the environment, at once; values of variables are not repeated. */
export class ConfigurationFaults extends Error {
  constructor(readonly faults: readonly string[]) {
    super(
      `The configuration has ${String(faults.length)} fault(s):\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigurationFaults';
  }
}

type ConfigClass<T extends object> = new () => T;

/** Instances by class; `get` gives back the one of the class asked for. */
export class Configuration {
  private readonly instances = new Map<ConfigClass<object>, object>();

  /** Throws ConfigurationFaults; `moreFaults` are listed with those found here. */
  constructor(classes: readonly ConfigClass<object>[], environment: Environment, moreFaults: readonly string[] = []) {
    const faults = [...classes.flatMap((configClass) => this.fill(configClass, environment)), ...moreFaults];
    if (faults.length > 0) throw new ConfigurationFaults(faults);
  }

  get<T extends object>(configClass: ConfigClass<T>): T {
    const instance = this.instances.get(configClass);
    if (instance === undefined) throw new Error(`${configClass.name} was not loaded`);
    return instance as T;
  }

  private fill(configClass: ConfigClass<object>, environment: Environment): readonly string[] {
    const instance = new configClass();
    const faults: string[] = [];
    for (const variable of variablesOf(configClass)) {
      try {
        Reflect.set(instance, variable.property, valueOf(variable, environment));
      } catch (error) {
        faults.push(`${variable.name} ${error instanceof Error ? error.message : 'is wrong'}`);
      }
    }
    this.instances.set(configClass, instance);
    // Cross checks read every field, so they only make sense once each one has its value.
    if (faults.length === 0 && 'faults' in instance) return (instance as CrossChecked).faults();
    return faults;
  }
}

/** Without a word about it the process is in production: the closed choice. An empty variable is none. */
export const isProduction = (environment: Environment): boolean =>
  ['production', '', undefined].includes(environment['NODE_ENV']);

function valueOf(variable: VariableInfo, environment: Environment): unknown {
  const given = environment[variable.name];
  if (given !== undefined && given !== '') return variable.read(given);
  if (!isProduction(environment) && 'development' in variable) return variable.development;
  if ('default' in variable) return variable.default;
  throw new Error(`is required (${variable.about})`);
}
