import { refStateOf } from './ref-state.js';

/** Of how many repositories something is remembered. */
const MOST = 16;

/** What was read off the references of repositories, for as long as those are what they were. */
export class RememberedRefs<T> {
  private readonly kept = new Map<string, { state: string; value: T }>();

  /** What is remembered, or else what `make` gives. */
  async read(directory: string, make: () => Promise<T>): Promise<T> {
    // Before the reading: what changes while it goes on is of another state.
    const state = await refStateOf(directory);
    const known = this.kept.get(directory);
    this.kept.delete(directory);
    const value = known !== undefined && known.state === state ? known.value : await make();
    if (state !== null) this.kept.set(directory, { state, value });
    const [oldest] = this.kept.keys();
    if (this.kept.size > MOST && oldest !== undefined) this.kept.delete(oldest);
    return value;
  }
}
