/** What TypeScript callers (the specs) need of stand.mjs. */
export class Stand {
  constructor(settings: { databaseUrl: string; directory: string });
  start(): Promise<void>;
  kill(): Promise<void>;
}
