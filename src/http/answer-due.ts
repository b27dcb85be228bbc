/** When the answers are due that signals stand for, on the clock of `performance`. */
const dues = new WeakMap<AbortSignal, number>();

/** Says when the answer is due that work under this signal is for. */
export const setDue = (signal: AbortSignal, due: number): void => void dues.set(signal, due);

/** How long there still is for an answer, in milliseconds; Infinity where nobody has set a limit. */
export const timeLeft = (signal: AbortSignal): number => (dues.get(signal) ?? Infinity) - performance.now();
