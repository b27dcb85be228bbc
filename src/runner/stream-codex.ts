import type { AgentEvent, AgentFacts, AgentNews } from './stream-news.js';
import { failureOf } from './stream-failure.js';
import { progressOf, spoken, toolOutput, toolText } from './stream-lines.js';
import { tokensSince, type AgentUsage } from './stream-usage.js';
import { countIn, listIn, objectIn, textIn, textOrNull, type Json } from './stream-values.js';

/** Codex: `codex exec --json`. */
export function readCodex(event: AgentEvent, known: AgentFacts): AgentNews | null {
  switch (event['type']) {
    case 'thread.started':
      return { lines: [], facts: { session_id: textOrNull(event['thread_id']) } };
    case 'turn.started':
      return { lines: [], facts: { failure: null } };
    case 'item.started':
      return readItem(objectIn(event['item']), false);
    case 'item.updated':
      return { lines: [] };
    case 'item.completed':
      return readItem(objectIn(event['item']), true);
    case 'turn.completed':
      // The counts are those of the whole thread, and those of a cache are among them.
      return {
        lines: [],
        facts: { usage: tokensSince(usageIn(objectIn(event['usage'])), known.before), failure: null },
      };
    case 'error':
      return readError(textIn(event['message']), known);
    case 'turn.failed':
      return readError(textIn(objectIn(event['error'])['message']), known);
    default:
      return null;
  }
}

/** An error comes twice: by itself, and as the end of the turn. */
function readError(message: string, known: AgentFacts): AgentNews {
  const lines = known.failure?.message === message ? [] : spoken(message, 'error');
  return { lines, facts: { failure: failureOf(message) } };
}

function readItem(item: Json, done: boolean): AgentNews | null {
  switch (item['type']) {
    case 'agent_message': {
      const text = textIn(item['text']);
      return done ? { lines: spoken(text), progress: progressOf(text), facts: { result: text } } : { lines: [] };
    }
    case 'reasoning':
      return { lines: done ? spoken(textIn(item['text']), 'debug') : [] };
    case 'error':
      return { lines: done ? spoken(textIn(item['message']), 'warn') : [] };
    case 'command_execution':
      return done
        ? { lines: toolOutput(textIn(item['aggregated_output']), item['status'] !== 'completed') }
        : using(toolText('shell', item));
    case 'file_change': {
      const changes = listIn(item['changes']).map(({ kind, path }) => `${textIn(kind)} ${textIn(path)}`);
      return done ? using(`files: ${changes.join(', ')}`) : { lines: [] };
    }
    case 'mcp_tool_call':
      return done
        ? { lines: toolOutput(textIn(objectIn(item['error'])['message']), true) }
        : using(toolText(`${textIn(item['server'])}.${textIn(item['tool'])}`, item['arguments']));
    case 'web_search':
      return done ? using(toolText('web search', item)) : { lines: [] };
    case 'todo_list':
      return { lines: done ? spoken(listIn(item['items']).map(todo).join('\n'), 'debug') : [] };
    default:
      return null;
  }
}

const todo = ({ completed, text }: Json): string => `[${completed === true ? 'x' : ' '}] ${textIn(text)}`;

const using = (text: string): AgentNews => ({ lines: spoken(text), progress: progressOf(text) });

function usageIn(usage: Json): AgentUsage {
  const cached = countIn(usage['cached_input_tokens']);
  const written = countIn(usage['cache_write_input_tokens']);
  return {
    input_tokens: Math.max(0, countIn(usage['input_tokens']) - cached - written),
    output_tokens: countIn(usage['output_tokens']),
    cache_read_tokens: cached,
    cache_write_tokens: written,
    cost_usd: null,
  };
}
