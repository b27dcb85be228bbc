import type { HintsService } from './hints.service.js';

/** Topic of hints that an organization has new events. */
export const eventsTopic = (organizationId: string): string => `events:${organizationId}`;

/** Topic of hints about executions that run, which tell what is new. */
export const liveTopic = (organizationId: string): string => `live:${organizationId}`;

/** Kinds of news that are told while somebody looks, and not recorded. */
export const LIVE_TYPES = ['execution.progress', 'execution.log'] as const;

export type LiveType = (typeof LIVE_TYPES)[number];

/** What is new with an execution: percent done, or how many log entries it has. */
export interface LiveNews {
  type: LiveType;
  execution_id: string;
  task_id: string;
  /** Null when it says how it goes, but not how far. */
  value: number | null;
}

/** Tells those who look at an organization just now, once the transaction under way is committed. */
export function tellLive(hints: HintsService, organizationId: string, news: LiveNews): void {
  const { type, execution_id, task_id, value } = news;
  hints.tell(liveTopic(organizationId), [type, execution_id, task_id].join(','), value === null ? '' : String(value));
}

/** Reads the detail of such a hint; null for what another version may have told. */
export function liveNewsOf(detail: string): LiveNews | null {
  const [about = '', value = ''] = detail.split('=');
  const [type, execution_id = '', task_id = ''] = about.split(',');
  const known = LIVE_TYPES.find((one) => one === type);
  if (known === undefined || !/^\d*$/.test(value)) return null;
  return { type: known, execution_id, task_id, value: value === '' ? null : Number(value) };
}
