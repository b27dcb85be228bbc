const FINAL = new Set(['completed', 'failed', 'cancelled', 'skipped']);

/** Whether nothing more comes of it unless somebody retries it. */
export const isFinal = (status: string): boolean => FINAL.has(status);
