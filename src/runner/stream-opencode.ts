import type { AgentEvent, AgentFacts, AgentNews } from './stream-news.js';
import { failureOf, type AgentFailure } from './stream-failure.js';
import { progressOf, spoken, toolOutput, toolText } from './stream-lines.js';
import { addUsage, noUsage, type AgentUsage } from './stream-usage.js';
import { amountOrNull, countIn, objectIn, textIn, textOrNull, type Json } from './stream-values.js';

/** What opencode calls errors that say their reason by name. */
const REASONS: Readonly<Record<string, AgentFailure['reason']>> = {
  ContextOverflowError: 'context_overflow',
  ProviderAuthError: 'auth',
};

/** opencode: `opencode run --format json`. */
export function readOpencode(event: AgentEvent, known: AgentFacts): AgentNews | null {
  const session_id = textOrNull(event['sessionID']) ?? known.session_id;
  const part = objectIn(event['part']);
  switch (event['type']) {
    case 'step_start':
      return { lines: [], facts: { session_id, failure: null } };
    case 'text': {
      const text = textIn(part['text']);
      return { lines: spoken(text), progress: progressOf(text), facts: { session_id, result: text } };
    }
    case 'reasoning':
      return { lines: spoken(textIn(part['text']), 'debug'), facts: { session_id } };
    case 'tool_use':
      return { ...readTool(part), facts: { session_id } };
    case 'step_finish':
      return { lines: [], facts: { session_id, usage: addUsage(known.usage ?? noUsage, usageIn(part)) } };
    case 'error':
      return { ...readError(objectIn(event['error']), known) };
    default:
      return null;
  }
}

/** A tool is told once it is done. */
function readTool(part: Json): AgentNews {
  const state = objectIn(part['state']);
  const text = toolText(textIn(part['tool']), state['input']);
  const failed = state['status'] === 'error';
  const output = failed ? textIn(state['error']) : textIn(state['output']);
  return { lines: [...spoken(text), ...toolOutput(output, failed)], progress: progressOf(text) };
}

/** The headers of the provider's answer tell when to come again. */
function readError(error: Json, known: AgentFacts): AgentNews {
  const data = objectIn(error['data']);
  const [name, said] = [textIn(error['name']), textIn(data['message'])];
  const status = countIn(data['statusCode']);
  const message = said || name || 'The agent ended with an error.';
  const judged = failureOf(`${status > 0 ? String(status) : ''} ${message} ${textIn(data['responseBody'])}`);
  const seconds = Number(objectIn(data['responseHeaders'])['retry-after'] ?? Number.NaN);
  const hint = Number.isFinite(seconds) && seconds > 0 ? ` Try again in ${String(seconds)} s.` : '';
  const failure = { ...judged, message: `${message}${hint}`, reason: REASONS[name] ?? judged.reason };
  return { lines: known.failure?.message === failure.message ? [] : spoken(message, 'error'), facts: { failure } };
}

function usageIn(part: Json): AgentUsage {
  const tokens = objectIn(part['tokens']);
  const cache = objectIn(tokens['cache']);
  return {
    input_tokens: countIn(tokens['input']),
    output_tokens: countIn(tokens['output']) + countIn(tokens['reasoning']),
    cache_read_tokens: countIn(cache['read']),
    cache_write_tokens: countIn(cache['write']),
    cost_usd: amountOrNull(part['cost']),
  };
}
