import type { LogEntry } from './protocol.js';
import type { AgentFailure } from './stream-failure.js';
import type { AgentUsage } from './stream-usage.js';

/** One parsed event of an agent. */
export type AgentEvent = Readonly<Record<string, unknown>>;

/** A line for the log of the execution. */
export interface AgentLine {
  readonly level: LogEntry['level'];
  readonly text: string;
}

/** What an agent has told of itself so far. */
export interface AgentFacts {
  readonly session_id: string | null;
  readonly model: string | null;
  /** What it used in this run, in all; null while it has told nothing. */
  readonly usage: AgentUsage | null;
  /** Usage of single steps by their id, where a format tells no sum before the end. */
  readonly steps: ReadonlyMap<string, AgentUsage>;
  /** What its session had used before this run, where the format counts by session. */
  readonly before: AgentUsage;
  /** Whether its work is paid by a subscription, so that prices are what it would have cost. */
  readonly subscribed: boolean;
  /** What it has begun to say, where a format tells texts in pieces. */
  readonly partial: string;
  /** What it has begun to think, likewise. */
  readonly thought: string;
  /** Its last word. */
  readonly result: string | null;
  /** Why it could not do its work; null when it could, or has not said. */
  readonly failure: AgentFailure | null;
}

/** What one event means. */
export interface AgentNews {
  readonly lines: readonly AgentLine[];
  /** What it is doing, in a few words. */
  readonly progress?: string;
  readonly facts?: Partial<AgentFacts>;
}

/** Reads one event in the light of what is known; null for an event that it does not know. */
export type StreamReader = (event: AgentEvent, known: AgentFacts) => AgentNews | null;
