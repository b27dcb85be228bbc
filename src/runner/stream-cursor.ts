import type { AgentEvent, AgentFacts, AgentNews } from './stream-news.js';
import { contentNews } from './stream-claude.js';
import { failureOf } from './stream-failure.js';
import { progressOf, spoken, toolOutput, toolText } from './stream-lines.js';
import type { AgentUsage } from './stream-usage.js';
import { countIn, objectIn, textIn, textOrNull, type Json } from './stream-values.js';

/** Cursor: `cursor-agent --print --output-format stream-json`. It tells failures on stderr, and then has no `result`. */
export function readCursor(event: AgentEvent, known: AgentFacts): AgentNews | null {
  if (event['type'] === 'thinking') return readThought(event, known);
  const news = readOther(event, known);
  if (news === null || known.thought === '') return news;
  return { ...news, lines: [...spoken(known.thought, 'debug'), ...news.lines], facts: { ...news.facts, thought: '' } };
}

function readOther(event: AgentEvent, known: AgentFacts): AgentNews | null {
  switch (event['type']) {
    case 'system':
      if (event['subtype'] !== 'init') return null;
      return { lines: [], facts: { session_id: textOrNull(event['session_id']), model: textOrNull(event['model']) } };
    case 'user':
      return { lines: [] };
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

/** What of a result is for reading, in this order. */
const TEXTS = ['stdout', 'stderr', 'content', 'errorMessage', 'error', 'message', 'reason'];

/** `{"readToolCall": {"args": {...}, "result": {"success": {...}}}}`; what is no success has the name of what went wrong. */
function readTool(call: Json, done: boolean): AgentNews {
  const [[kind, value] = ['tool', {}]] = Object.entries(call).filter(([, one]) => typeof one === 'object');
  const { args, result } = objectIn(value);
  const generic = kind === 'function' ? textIn(objectIn(value)['name']) : '';
  const text = toolText(generic || kind.replace(/ToolCall$/, ''), args);
  if (!done) return { lines: spoken(text), progress: progressOf(text) };
  const [[outcome, told] = ['success', {}]] = Object.entries(objectIn(result));
  const fields = objectIn(told);
  const code = countIn(fields['exitCode']);
  const isBad = outcome !== 'success' || code > 0;
  const texts = [textIn(told), ...TEXTS.map((field) => textIn(fields[field]))].map((one) => one.trimEnd());
  const output = texts.filter((one) => one !== '').join('\n');
  const otherwise = code > 0 ? `exit code ${String(code)}` : toolText(outcome, fields);
  return { lines: toolOutput(output || (isBad ? otherwise : ''), isBad) };
}

/** Thoughts come in pieces: whole lines are told, the last when something else comes. */
function readThought({ text, subtype }: AgentEvent, known: AgentFacts): AgentNews {
  const whole = `${known.thought}${textIn(text)}`;
  const end = subtype === 'delta' ? whole.lastIndexOf('\n') + 1 : whole.length;
  return { lines: spoken(whole.slice(0, end), 'debug'), facts: { thought: whole.slice(end) } };
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
