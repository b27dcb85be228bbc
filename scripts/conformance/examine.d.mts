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
  /** Whether others are examined on the same stand: it is not killed then, only the way to it is cut. */
  shared?: boolean;
}

export function examine(stand: Stand, options: Options, tell?: (finding: Finding) => void): Promise<Finding[]>;
