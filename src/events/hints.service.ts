import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import pg from 'pg';
import { DatabaseConfig } from '../config/database.config.js';
import { Database } from '../database/database.js';
import { detailed, EVERYTHING, hintOf, payloadsOf } from './hint-payloads.js';

const CHANNEL = 'miyabi_hints';
const MARK = '@';
const COALESCE_MS = 5;
const RECONNECT_MS = 1000;
/** A connection that a firewall has forgotten says nothing, like one without hints: it is asked from time to time. */
const PROBE_MS = 5000;
const PROBE_PATIENCE_MS = 2000;
/**
 * Wake-up hints between processes: "something changed at this topic, look". They may be lost, so whoever waits for one
 * also looks from time to time; some carry a word or two of what changed, which nothing may depend on. Sent after the
 * commit, the first at once and the others together, at most once every few milliseconds: a `NOTIFY` in each inserting
 * transaction would make their commits wait for each other. Who waits in this very process is woken without it.
 */
@Injectable()
export class HintsService implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(HintsService.name);
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  /** What is to be sent, by what it is about: of two hints with one key the last counts. */
  private readonly pending = new Map<string, string>();
  private sending: NodeJS.Timeout | NodeJS.Immediate | null = null;
  private sentAt = -Infinity;
  /** Marks what this process has sent, to know it when it comes back. */
  private readonly mark = `${MARK}${randomUUID()}`;
  private listener: pg.Client | null = null;
  private reconnecting: NodeJS.Timeout | null = null;
  private probing: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly config: DatabaseConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.listen();
  }

  /** Says, once the transaction under way is committed, that something changed at a topic. */
  send(topic: string): void {
    this.add(topic, topic);
  }

  /** The same with a detail of a few words, without blanks. What was told before about the same `key` is replaced. */
  tell(topic: string, key: string, value: string): void {
    const hint = detailed(topic, key);
    this.add(hint, `${hint}=${value}`);
  }

  /**
   * Calls `listener` when something changed at the topic, in any process; with `key=value` where that is told. Gives
   * the way to stop that.
   */
  on(topic: string, listener: (detail?: string) => void): () => void {
    this.emitter.on(topic, listener);
    this.emitter.on(EVERYTHING, listener);
    return () => {
      this.emitter.off(topic, listener);
      this.emitter.off(EVERYTHING, listener);
    };
  }

  /** Wakes those who wait at a topic in this very process, and nobody else. */
  wake(topic: string): void {
    this.emitter.emit(topic);
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.unschedule();
    if (this.reconnecting) clearTimeout(this.reconnecting);
    if (this.probing) clearInterval(this.probing);
    await this.listener?.end();
  }

  private add(key: string, hint: string): void {
    this.database.afterCommit(() => {
      this.pending.set(key, hint);
      if (this.sending) return;
      const wait = this.sentAt + COALESCE_MS - performance.now();
      // A timer takes a millisecond at least.
      this.sending = wait <= 0 ? setImmediate(() => void this.flush()) : setTimeout(() => void this.flush(), wait);
    });
  }

  private async flush(): Promise<void> {
    this.sending = null;
    this.sentAt = performance.now();
    const hints = [...this.pending.values()];
    this.pending.clear();
    this.wakeAll(hints);
    const payloads = payloadsOf(hints).map((payload) => `${this.mark} ${payload}`);
    try {
      await this.database.query('select pg_notify($1, payload) from unnest($2::text[]) as payload', [
        CHANNEL,
        payloads,
      ]);
    } catch (error) {
      // Those who wait look by themselves before long.
      this.logger.debug({ err: error }, 'a hint was lost');
    }
  }

  private unschedule(): void {
    if (this.sending === null) return;
    if ('refresh' in this.sending) clearTimeout(this.sending);
    else clearImmediate(this.sending);
  }

  private wakeAll(hints: readonly string[]): void {
    for (const hint of hints) this.emitter.emit(...hintOf(hint));
  }

  private hear(payload: string): void {
    const hints = payload.split(' ');
    if (hints[0] !== this.mark) this.wakeAll(hints.filter((hint) => !hint.startsWith(MARK)));
  }

  private async listen(): Promise<void> {
    if (this.stopped) return;
    const client = new pg.Client({
      connectionString: this.config.url,
      application_name: 'miyabi-hints',
      connectionTimeoutMillis: this.config.acquire_timeout_ms,
      query_timeout: PROBE_PATIENCE_MS,
      keepAlive: true,
    });
    client.on('notification', ({ payload }) => this.hear(payload ?? ''));
    client.on('error', (error) => this.logger.warn(`the connection for hints broke: ${error.message}`));
    client.once('end', () => this.retry());
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.listener = client;
      this.probe(client);
      // Hints may have been missed while there was no connection.
      this.emitter.emit(EVERYTHING);
    } catch (error) {
      this.logger.warn(`no connection for hints: ${error instanceof Error ? error.message : String(error)}`);
      client.end().then(
        () => this.retry(),
        () => this.retry(),
      );
    }
  }

  /** Ends the connection when it does not answer; its end makes the next one. */
  private probe(client: pg.Client): void {
    this.probing = setInterval(() => {
      client.query('select').catch(() => {
        client.end().catch(() => undefined);
      });
    }, PROBE_MS);
  }

  private retry(): void {
    if (this.probing) clearInterval(this.probing);
    if (this.stopped || this.reconnecting) return;
    this.reconnecting = setTimeout(() => {
      this.reconnecting = null;
      void this.listen();
    }, RECONNECT_MS);
  }
}
