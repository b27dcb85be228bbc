/** Turns the text of an environment variable into its value, or throws an Error that says what is allowed. */
export type Reader<T> = (text: string) => T;

export interface VariableOptions<T> {
  /** Name of the environment variable. */
  name: string;
  /** One or two sentences for the operator; the README's table is made of these. */
  about: string;
  read: Reader<T>;
  /** Value when the variable is absent. Without one the variable is required. */
  default?: T;
  /** Value when absent and NODE_ENV is not `production`; wins over `default` there. */
  development?: T;
  /** A secret is never printed, not even in a fault. */
  secret?: boolean;
}

export interface VariableInfo extends VariableOptions<unknown> {
  property: string;
}

type ConfigClass = abstract new () => object;

const declared = new WeakMap<object, VariableInfo[]>();

/** Declares that a field of a configuration class is read from an environment variable. */
export function Variable<T>(options: VariableOptions<T>) {
  return <K extends string>(target: Record<K, T>, property: K): void => {
    const infos = declared.get(target) ?? [];
    infos.push({ ...(options as VariableOptions<unknown>), property });
    declared.set(target, infos);
  };
}

/** The variables of a configuration class, in the order of their declaration. */
export const variablesOf = (configClass: ConfigClass): readonly VariableInfo[] =>
  declared.get(configClass.prototype as object) ?? [];
