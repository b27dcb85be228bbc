/** The `code` of a system error (`ENOENT`), or an empty text for errors without one. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
