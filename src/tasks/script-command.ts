const MOST_ARGUMENTS = 256;

/** Whether a value is an argument list that can be run: texts without NUL, the command first and not blank. */
export const isCommand = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= MOST_ARGUMENTS &&
  value.every((item) => typeof item === 'string' && !item.includes('\u0000')) &&
  (value[0] as string).trim() !== '';
