import type { Stand } from '../stand.mjs';

/** What TypeScript callers (the specs) need of examine.mjs. */
export interface Finding {
  name: string;
  about: string;
  faults: string[];
}

export interface Options {
  command: string[];
  directory: string;
  only?: string[];
  patienceSeconds?: number;
  watchSeconds?: number;
  variables?: Record<string, string>;
  /** Whether the server has a channel; it has by default. */
  channel?: boolean;
  /** Whether others are examined on the same stand: it is not killed then, only the way to it is cut. */
  shared?: boolean;
}

export interface Report {
  findings: Finding[];
  /** Words said in each way. */
  ways: { requests: number; channel: number };
}

export function examine(stand: Stand, options: Options, tell?: (finding: Finding) => void): Promise<Report>;
