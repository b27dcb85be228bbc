import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRunnerSettings } from '../src/config/runner.config.js';
import { createLogger } from '../src/runner/logger.js';
import { Runner } from '../src/runner/runner.js';
import { Secrets } from '../src/runner/secrets.js';
import { REGISTRATION_KEY, type TestApp } from './test-app.js';

/** A runner of the instance beside a test server, with a look at what it asks of it. */
export class RunnerInProcess {
  /** Last part of the path of each request of the worker protocol, registrations included. */
  readonly requests: string[] = [];
  /** What it logged, a line of JSON each. */
  readonly logged: string[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'runner-in-process-'));
  readonly ended: Promise<void>;
  private readonly runner: Runner;

  /** `url` is where the runner looks for the server. */
  constructor(server: TestApp, url: string, environment: Record<string, string>) {
    (server.app.getHttpServer() as Server).on('request', ({ method, url: path = '' }: IncomingMessage) => {
      const word = /\/(workers|heartbeat|claim|logs|progress|finish|exchange)$/.exec(path)?.[1];
      if (method === 'POST' && word !== undefined) this.requests.push(word);
    });
    const settings = loadRunnerSettings({
      ...{
        NODE_ENV: 'test',
        PATH: process.env['PATH'],
        LOG_FORMAT: 'json',
        LOG_LEVEL: 'debug',
        AGENT_ISOLATION: 'none',
      },
      ...{ MIYABI_URL: url, MIYABI_KEY: REGISTRATION_KEY, MIYABI_WORKER_SCOPE: 'instance' },
      ...{ MIYABI_WORKER_DIR: join(this.directory, 'worker'), DISK_MIN_FREE: '0', TERM_GRACE_SECONDS: '0.3' },
      ...environment,
    });
    const secrets = new Secrets();
    const log = createLogger(settings.runtime, secrets, {
      destination: { write: (line) => void this.logged.push(line) },
    });
    this.runner = new Runner(settings, '0.0.0', log, secrets);
    this.ended = this.runner.run();
    this.ended.catch(() => undefined);
  }

  /** How often it has logged this. */
  times(text: string): number {
    return this.logged.filter((line) => line.includes(text)).length;
  }

  async stop(): Promise<void> {
    this.runner.stop();
    await this.ended;
  }

  /** Ends it whatever it does, and removes what it has left. */
  async remove(): Promise<void> {
    this.runner.stop();
    await this.stop().catch(() => undefined);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
