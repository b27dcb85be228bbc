import { refStateOf } from './ref-state.js';

/** Of how many repositories something is remembered, and how much of it in all: lists go over many, most of them small. */
const MOST = 256;
const MOST_WEIGHT = 200_000;

/** What was read off the references of repositories, for as long as those are what they were. */
export class RememberedRefs<T> {
  private readonly kept = new Map<string, { state: string; value: T; weight: number }>();
  private weight = 0;

  /** `weigh` gives how many references a value is of. */
  constructor(private readonly weigh: (value: T) => number) {}

  /** What is remembered, or else what `make` gives. */
  async read(directory: string, make: () => Promise<T>): Promise<T> {
    // Before the reading: what changes while it goes on is of another state.
    const state = await refStateOf(directory);
    const known = this.kept.get(directory);
    const value = known !== undefined && known.state === state ? known.value : await make();
    this.forget(directory);
    if (state !== null) this.keep(directory, state, value);
    return value;
  }

  private keep(directory: string, state: string, value: T): void {
    const weight = this.weigh(value);
    this.kept.set(directory, { state, value, weight });
    this.weight += weight;
    // The one that was asked for longest ago comes first; of the last one there is always something.
    for (const oldest of this.kept.keys()) {
      if (oldest === directory || (this.kept.size <= MOST && this.weight <= MOST_WEIGHT)) break;
      this.forget(oldest);
    }
  }

  private forget(directory: string): void {
    this.weight -= this.kept.get(directory)?.weight ?? 0;
    this.kept.delete(directory);
  }
}
