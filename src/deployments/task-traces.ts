/** What tells that the work of a task is among some commits. */
export const TRACES = ['trailer', 'commit', 'branch'] as const;
export type Trace = (typeof TRACES)[number];
