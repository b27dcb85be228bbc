import { EventDto } from './events.dto.js';
import type { EventRow } from './events.store.js';
import type { LiveNews } from './topics.js';

/** What a reader of events wants; null for all. */
export interface EventFilter {
  types: ReadonlySet<string> | null;
  task_id: string | null;
}

/** An event as it is sent, written out once for all who read it. */
export class EventFrame {
  readonly position: bigint;
  private readonly type: string;
  private readonly task_id: string | undefined;
  private readonly json: string;
  private bytes: Buffer | null = null;
  private message: string | null = null;

  constructor(row: EventRow) {
    this.position = BigInt(row.position);
    this.type = row.type;
    this.task_id = row.subject.task_id;
    this.json = JSON.stringify(EventDto.from(row));
  }

  get size(): number {
    return this.json.length;
  }

  /** As a server-sent event. */
  get event(): Buffer {
    return (this.bytes ??= Buffer.from(`id: ${String(this.position)}\ndata: ${this.json}\n\n`));
  }

  /** As a message of the WebSocket. */
  get text(): string {
    return (this.message ??= `{"type":"event","event":${this.json}}`);
  }

  matches({ types, task_id }: EventFilter): boolean {
    return (types === null || types.has(this.type)) && (task_id === null || this.task_id === task_id);
  }
}

/** News of an execution that runs, as it is sent: it has no place in the order, and no id. */
export class LiveFrame {
  /** News with the same key replace each other. */
  readonly key: string;
  readonly event: Buffer;
  readonly text: string;

  constructor(private readonly news: LiveNews) {
    const { type, execution_id, task_id, value } = news;
    this.key = `${type} ${execution_id}`;
    const data = type === 'execution.progress' ? { progress: value } : { log_entries: value };
    const live = { type, subject: { task_id, execution_id }, data };
    this.event = Buffer.from(`event: live\ndata: ${JSON.stringify(live)}\n\n`);
    this.text = JSON.stringify({ type: 'live', live });
  }

  matches({ types, task_id }: EventFilter): boolean {
    return (types === null || types.has(this.news.type)) && (task_id === null || this.news.task_id === task_id);
  }
}
