/** What TypeScript callers (the specs) need of processes.mjs. */
export interface Process {
  pid: number;
  parent: number;
  started: string;
  command: string;
}

/** A live process, or null. A zombie is dead. */
export function findProcess(pid: number): Process | null;

/** False when there is nobody to signal. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean;
