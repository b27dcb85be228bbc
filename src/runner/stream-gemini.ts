import type { AgentEvent, AgentFacts, AgentNews } from './stream-news.js';
import { failureOf } from './stream-failure.js';
import { progressOf, spoken, toolOutput, toolText } from './stream-lines.js';
import type { AgentUsage } from './stream-usage.js';
import { countIn, objectIn, textIn, textOrNull, type Json } from './stream-values.js';

/** Gemini CLI: `gemini --output-format stream-json`. Its answers come in pieces, which another event ends. */
export function readGemini(event: AgentEvent, known: AgentFacts): AgentNews | null {
  if (event['type'] === 'message') return event['role'] === 'assistant' ? readPiece(event, known) : { lines: [] };
  const news = readOther(event, known);
  if (news === null) return null;
  return { ...news, lines: [...spoken(known.partial), ...news.lines], facts: { ...news.facts, partial: '' } };
}

function readOther(event: AgentEvent, known: AgentFacts): AgentNews | null {
  switch (event['type']) {
    case 'init':
      return { lines: [], facts: { session_id: textOrNull(event['session_id']), model: textOrNull(event['model']) } };
    case 'tool_use': {
      const text = toolText(textIn(event['tool_name']), event['parameters']);
      return { lines: spoken(text), progress: progressOf(text), facts: { result: null } };
    }
    case 'tool_result': {
      const failed = event['status'] !== 'success';
      const output = textIn(event['output']) || textIn(objectIn(event['error'])['message']);
      return { lines: toolOutput(output, failed) };
    }
    case 'error':
      return { lines: spoken(textIn(event['message']), event['severity'] === 'error' ? 'error' : 'warn') };
    case 'result':
      return readResult(event, known);
    default:
      return null;
  }
}

/** Whole lines are said; what comes behind the last tool is the last word. */
function readPiece({ content, delta }: AgentEvent, known: AgentFacts): AgentNews {
  const text = `${known.partial}${textIn(content)}`;
  const result = `${known.result ?? ''}${textIn(content)}`;
  const end = delta === true ? text.lastIndexOf('\n') + 1 : text.length;
  const facts = { result, partial: text.slice(end) };
  return { lines: spoken(text.slice(0, end)), progress: progressOf(result), facts };
}

function readResult(event: AgentEvent, known: AgentFacts): AgentNews {
  const usage = usageIn(objectIn(event['stats']));
  if (event['status'] === 'success') return { lines: [], facts: { usage, failure: null } };
  const { type, message } = objectIn(event['error']);
  const text = textIn(message) || `The agent ended with ${textIn(type) || 'an error'}.`;
  const failure = failureOf(text);
  return { lines: spoken(text, 'error'), facts: { usage: usage ?? known.usage, failure } };
}

/** `input_tokens` holds those from the cache, `input` does not. */
function usageIn(stats: Json): AgentUsage | null {
  if (stats['input_tokens'] === undefined) return null;
  const cached = countIn(stats['cached']);
  return {
    input_tokens: Math.max(0, countIn(stats['input_tokens']) - cached),
    output_tokens: countIn(stats['output_tokens']),
    cache_read_tokens: cached,
    cache_write_tokens: 0,
    cost_usd: null,
  };
}
