export interface ServiceOptions {
  name: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  stopWithinMs: number;
  isReady?: (pid: number) => Promise<boolean>;
  endedMeans?: string;
  record: { set(name: string, pid: number | null): void };
}

export declare class Service {
  constructor(options: ServiceOptions);
  start(signal: AbortSignal): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  hurry(): void;
}
