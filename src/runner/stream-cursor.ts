import type { AgentEvent, AgentFacts, AgentNews } from './stream-news.js';
import { contentNews } from './stream-claude.js';
import { failureOf } from './stream-failure.js';
import { progressOf, spoken, toolOutput, toolText } from './stream-lines.js';
import type { AgentUsage } from './stream-usage.js';
import { countIn, objectIn, textIn, textOrNull, type Json } from './stream-values.js';

/** Cursor: `cursor-agent --print --output-format stream-json`. It tells failures on stderr, and then has no `result`. */
export function readCursor(event: AgentEvent, known: AgentFacts): AgentNews | null {
  switch (event['type']) {
    case 'system':
      if (event['subtype'] !== 'init') return null;
      return { lines: [], facts: { session_id: textOrNull(event['session_id']), model: textOrNull(event['model']) } };
    case 'user':
      return { lines: [] };
    case 'thinking':
      return { lines: spoken(textIn(event['text']), 'debug') };
    case 'assistant':
      return contentNews(objectIn(event['message']));
    case 'tool_call':
      return readTool(objectIn(event['tool_call']), event['subtype'] === 'completed');
    case 'result':
      return readResult(event, known);
    default:
      return null;
  }
}

/** `{"readToolCall": {"args": {...}, "result": {"success": {...}}}}` */
function readTool(call: Json, done: boolean): AgentNews {
  const [[kind, value] = ['tool', {}]] = Object.entries(call).filter(([, one]) => typeof one === 'object');
  const { args, result } = objectIn(value);
  const generic = kind === 'function' ? textIn(objectIn(value)['name']) : '';
  const text = toolText(generic || kind.replace(/ToolCall$/, ''), args);
  if (!done) return { lines: spoken(text), progress: progressOf(text) };
  const { success, error, rejected, failure } = objectIn(result);
  const good = objectIn(success);
  const bad = objectIn(error ?? rejected ?? failure);
  const isBad = Object.keys(bad).length > 0 || countIn(good['exitCode']) > 0;
  const output = isBad ? textIn(bad['errorMessage'] ?? bad['message'] ?? bad['reason'] ?? good['stderr']) : '';
  return { lines: toolOutput(output || textIn(good['stdout'] ?? good['content']), isBad) };
}

function readResult(event: AgentEvent, known: AgentFacts): AgentNews {
  const usage = event['usage'] === undefined ? known.usage : usageIn(objectIn(event['usage']));
  const session_id = textOrNull(event['session_id']) ?? known.session_id;
  const text = textIn(event['result']);
  if (event['is_error'] !== true) return { lines: [], facts: { session_id, usage, result: text, failure: null } };
  const message = text || 'The agent ended with an error.';
  return { lines: spoken(message, 'error'), facts: { session_id, usage, failure: failureOf(message) } };
}

const usageIn = (usage: Json): AgentUsage => ({
  input_tokens: countIn(usage['inputTokens']),
  output_tokens: countIn(usage['outputTokens']),
  cache_read_tokens: countIn(usage['cacheReadTokens']),
  cache_write_tokens: countIn(usage['cacheWriteTokens']),
  cost_usd: null,
});
