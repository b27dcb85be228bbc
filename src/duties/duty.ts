/** Work the system owes itself. `runOnce` holds all of it; one process at a time runs it, in one transaction. */
export interface Duty {
  readonly name: string;
  readonly interval_seconds: number;
  runOnce(): Promise<void>;
}
