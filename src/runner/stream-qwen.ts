import type { AgentEvent, AgentFacts, AgentNews } from './stream-news.js';
import { contentNews, readToolResults } from './stream-claude.js';
import { failureOf } from './stream-failure.js';
import { spoken } from './stream-lines.js';
import { sumOf, type AgentUsage } from './stream-usage.js';
import { countIn, objectIn, textIn, textOrNull, type Json } from './stream-values.js';

/** How Qwen Code words an error of the provider, which it says like any other text. */
const API_ERROR = '[API Error: ';

/** Qwen Code: `qwen --output-format stream-json`. Its shapes are those of Claude Code, its counts those of OpenAI. */
export function readQwen(event: AgentEvent, known: AgentFacts): AgentNews | null {
  switch (event['type']) {
    case 'system':
      return readSystem(event);
    case 'assistant':
      return readAssistant(objectIn(event['message']), known);
    case 'user':
      return readToolResults(event);
    case 'stream_event':
      return { lines: [] };
    case 'result':
      return readResult(event, known);
    default:
      return null;
  }
}

function readSystem(event: AgentEvent): AgentNews | null {
  if (event['subtype'] === 'init')
    return { lines: [], facts: { session_id: textOrNull(event['session_id']), model: textOrNull(event['model']) } };
  if (event['subtype'] !== 'retry') return null;
  const data = objectIn(event['data']);
  const seconds = String(Math.round(countIn(data['delayMs']) / 1000));
  const text = `The provider answered with an error; trying again in ${seconds} s (${String(countIn(data['attempt']))} of ${String(countIn(data['maxRetries']))}).`;
  return { lines: spoken(text, 'warn'), progress: text };
}

function readAssistant(message: Json, known: AgentFacts): AgentNews {
  const news = contentNews(message);
  const id = textOrNull(message['id']);
  const usage = usageIn(objectIn(message['usage']));
  const isError = news.lines.some(({ text }) => text.startsWith(API_ERROR));
  const lines = isError ? news.lines.map((line) => ({ ...line, level: 'error' as const })) : news.lines;
  // A request that is told in several messages has its usage at the last.
  if (id === null || usage.input_tokens + usage.output_tokens + usage.cache_read_tokens === 0)
    return { ...news, lines };
  const steps = new Map(known.steps).set(id, usage);
  return { ...news, lines, facts: { steps, usage: sumOf(steps.values()) } };
}

function readResult(event: AgentEvent, known: AgentFacts): AgentNews {
  const usage = known.usage ?? usageIn(objectIn(event['usage']));
  const session_id = textOrNull(event['session_id']) ?? known.session_id;
  const result = textIn(event['result']);
  if (event['is_error'] !== true) return { lines: [], facts: { session_id, usage, result, failure: null } };
  const message = textIn(objectIn(event['error'])['message']) || result || 'The agent ended with an error.';
  return {
    lines: message.startsWith(API_ERROR) ? [] : spoken(message, 'error'),
    facts: { session_id, usage, failure: failureOf(message) },
  };
}

/** Tokens from a cache are among those that were read. */
function usageIn(usage: Json): AgentUsage {
  const cached = countIn(usage['cache_read_input_tokens']);
  return {
    input_tokens: Math.max(0, countIn(usage['input_tokens']) - cached),
    output_tokens: countIn(usage['output_tokens']),
    cache_read_tokens: cached,
    cache_write_tokens: countIn(usage['cache_creation_input_tokens']),
    cost_usd: null,
  };
}
