import { AgentStream } from './agent-stream.js';
import type { ProcessLaunch } from './launch.js';
import { LONGEST_EVENT, pieces } from './output-lines.js';
import { OutputTail } from './output-tail.js';
import { plainText } from './plain-text.js';
import type { LogEntry, Progress } from './protocol.js';
import type { Secrets } from './secrets.js';
import type { AgentFacts } from './stream-news.js';
import type { AgentUsage } from './stream-usage.js';

const TELL_MS = 1000;
const LONGEST_PROGRESS = 500;

interface Ear {
  readonly secrets: Secrets;
  append(level: LogEntry['level'], stream: 'stdout' | 'stderr' | 'agent', messages: readonly string[]): Promise<void>;
  /** Told at most once a second how the agent gets on. It must not reject. */
  progress(news: Progress): Promise<void>;
}

/** Listens to one run of an agent: its output becomes the log, and its events, where it tells any, what is known of it. */
export class Listener {
  /** Longest line that it wants whole. */
  readonly longestLine: number | undefined;
  private readonly stream: AgentStream | null;
  private readonly tail = new OutputTail();
  private readonly complaints = new OutputTail();
  private news: Progress | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    launch: ProcessLaunch,
    private readonly ear: Ear,
    before?: AgentUsage,
  ) {
    this.stream = launch.reader === null ? null : new AgentStream(launch.reader, before);
    this.longestLine = this.stream === null ? undefined : LONGEST_EVENT;
  }

  /** What the agent has told of itself; null for one that tells no events. */
  get facts(): AgentFacts | null {
    return this.stream?.facts ?? null;
  }

  /** Its last lines, whatever they were. */
  get lastLines(): string {
    return this.tail.text();
  }

  /** Its last lines on stderr. */
  get lastComplaints(): string {
    return this.complaints.text();
  }

  async hear(from: 'stdout' | 'stderr', lines: readonly string[]): Promise<void> {
    if (from === 'stderr') this.complaints.add(lines.map((line) => this.ear.secrets.hide(line)));
    if (from === 'stdout' && this.stream !== null) return this.follow(this.stream, lines);
    await this.keep(from === 'stdout' ? 'info' : 'warn', from, lines);
  }

  /** Nothing comes any more. */
  async end(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (const { level, stream, text } of this.stream?.end() ?? []) await this.keep(level, stream, [text]);
  }

  private async follow(stream: AgentStream, lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const { usage } = stream.facts;
      const { lines: said, progress } = stream.read(line);
      for (const one of said) await this.keep(one.level, one.stream, [one.text]);
      if (progress !== null || stream.facts.usage !== usage) this.tell(progress, stream.facts);
    }
  }

  private async keep(
    level: LogEntry['level'],
    stream: 'stdout' | 'stderr' | 'agent',
    lines: readonly string[],
  ): Promise<void> {
    // Before anything is cut: half a secret would no longer be recognised.
    const shown = lines.map((line) => this.ear.secrets.hide(line));
    if (level !== 'debug') this.tail.add(shown);
    await this.ear.append(level, stream, shown.flatMap(pieces));
  }

  private tell(progress: string | null, { usage, session_id, subscribed }: AgentFacts): void {
    const message = progress === null ? '' : plainText(this.ear.secrets.hide(progress), LONGEST_PROGRESS).trim();
    this.news = {
      ...this.news,
      ...(message !== '' && { message }),
      ...(usage !== null && { usage: reported(usage, subscribed) }),
      ...(session_id !== null && { session_id }),
    };
    this.timer ??= setTimeout(() => {
      this.timer = null;
      const news = this.news;
      this.news = null;
      if (news !== null) void this.ear.progress(news);
    }, TELL_MS);
  }
}

/** As the server takes it: six decimals of a dollar, and nothing of a price that nobody has told. */
export function reported({ cost_usd, ...tokens }: AgentUsage, subscribed: boolean): NonNullable<Progress['usage']> {
  if (cost_usd === null) return tokens;
  const cost_source = subscribed ? 'subscription' : 'reported';
  return { ...tokens, cost_usd: Math.round(cost_usd * 1e6) / 1e6, cost_source };
}
