import type { Environment } from './load.js';

/** The environment of this process; the only place that reads it. */
export const environment: Environment = process.env;
