/** What TypeScript callers (the specs) need of server.mjs. */
export interface PostgresServer {
  url: string;
  port: number;
  pid: number;
  cluster: string;
  ended: Promise<string>;
  stop(): Promise<void>;
}

export function startPostgres(options: {
  dataDirectory: string;
  port?: number;
  fsync?: boolean;
}): Promise<PostgresServer>;
