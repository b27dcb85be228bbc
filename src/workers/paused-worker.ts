/** How a worker rests, without an end when `until` is null. */
export interface PausedWorker {
  id: string;
  note: string | null;
  until: string | null;
}
