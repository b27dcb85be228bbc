/** The `code` of a system error (`ENOENT`), or an empty text for errors without one. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** Whether an error is of the system: a disk, a network. */
export const isOfSystem = (error: unknown): boolean => /^E[A-Z0-9]+$/.test(codeOf(error));

/** Whether an error says that there is nothing at a path. Any other leaves open what there is: a disk may be away. */
export const isOfNothing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

/** Null where there is nothing; throws what leaves open what there is. */
export function nullIfNothing(error: unknown): null {
  if (isOfNothing(error)) return null;
  throw error;
}
