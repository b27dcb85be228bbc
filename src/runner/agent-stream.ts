import { readClaude } from './stream-claude.js';
import { readCodex } from './stream-codex.js';
import { readCursor } from './stream-cursor.js';
import { readGemini } from './stream-gemini.js';
import { spoken } from './stream-lines.js';
import { readOpencode } from './stream-opencode.js';
import type { AgentEvent, AgentFacts, AgentLine, StreamReader } from './stream-news.js';
import { readQwen } from './stream-qwen.js';
import { noUsage, type AgentUsage } from './stream-usage.js';

/** A line as it goes into the log: the agent's word, or its output as it came. */
export type StreamLine = AgentLine & { readonly stream: 'agent' | 'stdout' };

const READERS: Readonly<Record<string, StreamReader>> = {
  claude: readClaude,
  codex: readCodex,
  gemini: readGemini,
  'cursor-agent': readCursor,
  opencode: readOpencode,
  qwen: readQwen,
};

const UNKNOWN: AgentFacts = {
  session_id: null,
  model: null,
  usage: null,
  steps: new Map(),
  before: noUsage,
  subscribed: false,
  partial: '',
  thought: '',
  result: null,
  failure: null,
};

/** The reader for a command: that of the first item which is the name or path of a known CLI. */
export function readerOf(argv: readonly string[]): StreamReader | null {
  for (const item of argv) {
    const name = item.slice(item.lastIndexOf('/') + 1);
    if (Object.hasOwn(READERS, name)) return READERS[name] ?? null;
  }
  return null;
}

/** Follows the events that an agent writes, a line of JSON each. What it cannot read is output as it came. */
export class AgentStream {
  private known: AgentFacts;

  constructor(
    private readonly reader: StreamReader,
    /** What the session it goes on with had used. */
    before: AgentUsage = noUsage,
  ) {
    this.known = { ...UNKNOWN, before };
  }

  get facts(): AgentFacts {
    return this.known;
  }

  read(line: string): { lines: StreamLine[]; progress: string | null } {
    const event = eventIn(line);
    const news = event && this.reader(event, this.known);
    if (!news) return { lines: line === '' ? [] : [{ level: 'info', stream: 'stdout', text: line }], progress: null };
    this.known = { ...this.known, ...news.facts };
    return { lines: news.lines.map((one) => ({ ...one, stream: 'agent' })), progress: news.progress ?? null };
  }

  /** What it had begun to say when it ended. */
  end(): StreamLine[] {
    const { partial, thought } = this.known;
    return [...spoken(thought, 'debug'), ...spoken(partial)].map((one) => ({ ...one, stream: 'agent' }));
  }
}

function eventIn(line: string): AgentEvent | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as AgentEvent;
  } catch {
    return null;
  }
}
