import type { AgentEvent, AgentFacts, AgentNews } from './stream-news.js';
import { failureOf, type AgentFailure } from './stream-failure.js';
import { progressOf, spoken, toolOutput, toolText } from './stream-lines.js';
import { addUsage, noUsage, sumOf, type AgentUsage } from './stream-usage.js';
import { amountOrNull, countIn, listIn, objectIn, textIn, textOrNull, type Json } from './stream-values.js';

/** What Claude Code calls the reasons of errors of the provider, in `error` of its message. */
const REASONS: Readonly<Record<string, AgentFailure['reason']>> = {
  rate_limit: 'rate_limited',
  overloaded: 'rate_limited',
  billing_error: 'quota',
  authentication_failed: 'auth',
  oauth_org_not_allowed: 'auth',
  account_on_hold: 'auth',
  verification_required: 'auth',
  cloud_credential_error: 'auth',
};

/** Claude Code: `claude --print --output-format stream-json --verbose`. */
export function readClaude(event: AgentEvent, known: AgentFacts): AgentNews | null {
  switch (event['type']) {
    case 'system':
      return readSystem(event);
    case 'assistant':
      return readAssistant(event, known);
    case 'user':
      return readToolResults(event);
    case 'rate_limit_event':
      return readLimit(objectIn(event['rate_limit_info']), known);
    case 'result':
      return readResult(event, known);
    default:
      return null;
  }
}

function readSystem(event: AgentEvent): AgentNews | null {
  if (event['subtype'] === 'init') {
    const [session_id, model] = [textOrNull(event['session_id']), textOrNull(event['model'])];
    const subscribed = event['apiKeySource'] === 'none';
    return { lines: [], facts: { session_id, subscribed, ...(model !== null && { model }) } };
  }
  if (event['subtype'] !== 'api_retry') return null;
  const attempt = `${String(countIn(event['attempt']))} of ${String(countIn(event['max_retries']))}`;
  const text = `The provider answered with ${textIn(event['error']) || 'an error'}; trying again (${attempt}).`;
  return { lines: spoken(text, 'warn'), progress: text };
}

function readAssistant(event: AgentEvent, known: AgentFacts): AgentNews {
  const message = objectIn(event['message']);
  const content = contentNews(message);
  const told = textOrNull(event['error']);
  if (told !== null) {
    const text = content.lines.map((line) => line.text).join('\n');
    const judged = failureOf(text, known.failure?.at ?? null);
    // The wording knows more than the name: a long prompt is an `invalid_request`, a subscription that is used up a `rate_limit`.
    const isPlain = !['context_overflow', 'quota'].includes(judged.reason) && known.failure?.reason !== 'quota';
    const reason = isPlain ? (REASONS[told] ?? judged.reason) : (known.failure?.reason ?? judged.reason);
    const lines = content.lines.map((line) => ({ ...line, level: 'error' as const }));
    return { lines, facts: { failure: { ...judged, reason } } };
  }
  const id = textOrNull(message['id']);
  if (id === null) return content;
  // Each block of a message comes as an event of its own, with the usage of the whole.
  const steps = new Map(known.steps).set(id, usageIn(objectIn(message['usage'])));
  return { ...content, facts: { steps, usage: { ...sumOf(steps.values()), cost_usd: null } } };
}

/** Lines and progress of a message in Anthropic's shape. */
export function contentNews(message: Json): AgentNews {
  const blocks = listIn(message['content']);
  const lines = blocks.flatMap((block) => {
    if (block['type'] === 'text') return spoken(textIn(block['text']));
    if (block['type'] === 'thinking') return spoken(textIn(block['thinking']), 'debug');
    if (block['type'] === 'tool_use') return spoken(toolText(textIn(block['name']), block['input']));
    return [];
  });
  const last = lines.findLast(({ level }) => level === 'info');
  return last === undefined ? { lines } : { lines, progress: progressOf(last.text) };
}

/** What tools gave, in Anthropic's shape. */
export function readToolResults(event: AgentEvent): AgentNews {
  const results = listIn(objectIn(event['message'])['content']).filter(({ type }) => type === 'tool_result');
  return {
    lines: results.flatMap(({ content, is_error }) => {
      const texts = listIn(content).map(({ text }) => textIn(text));
      return toolOutput(typeof content === 'string' ? content : texts.join('\n'), is_error === true);
    }),
  };
}

/** Limits of a subscription: only a refusal is news. */
function readLimit(info: Json, known: AgentFacts): AgentNews {
  if (info['status'] !== 'rejected') return { lines: [] };
  const resetsAt = amountOrNull(info['resetsAt']);
  const at = resetsAt === null ? null : resetsAt * 1000;
  const message = known.failure?.message ?? 'The limit of the subscription is reached.';
  return { lines: spoken(message, 'warn'), facts: { failure: { reason: 'quota', message, at } } };
}

function readResult(event: AgentEvent, known: AgentFacts): AgentNews {
  const session_id = textOrNull(event['session_id']) ?? known.session_id;
  const usage = finalUsage(event) ?? known.usage;
  const errors = Array.isArray(event['errors']) ? event['errors'].map(textIn).join('\n') : '';
  const text = textIn(event['result']) || errors;
  if (event['is_error'] !== true && event['subtype'] === 'success')
    return { lines: [], facts: { session_id, usage, result: text, failure: null } };
  const { failure } = known;
  const judged = failureOf(`${textIn(event['terminal_reason'])} ${text}`, failure?.at ?? null);
  const message = text || `The agent ended with ${textIn(event['subtype'])}.`;
  const reason = judged.reason === 'context_overflow' ? judged.reason : (failure?.reason ?? judged.reason);
  return {
    // What has been said as a message is not said twice.
    lines: failure?.message === message ? [] : spoken(message, 'error'),
    facts: { session_id, usage, failure: { ...judged, message, reason } },
  };
}

/** Of this run alone: `total_cost_usd` and `modelUsage` count the whole session. */
function finalUsage(event: AgentEvent): AgentUsage | null {
  const models = Object.values(objectIn(event['model_usage_since_last_result'])).map(objectIn);
  if (models.length > 0)
    return models
      .map((model) => ({
        input_tokens: countIn(model['inputTokens']),
        output_tokens: countIn(model['outputTokens']),
        cache_read_tokens: countIn(model['cacheReadInputTokens']),
        cache_write_tokens: countIn(model['cacheCreationInputTokens']),
        cost_usd: amountOrNull(model['costUSD']),
      }))
      .reduce(addUsage, noUsage);
  if (event['usage'] === undefined) return null;
  return { ...usageIn(objectIn(event['usage'])), cost_usd: amountOrNull(event['total_cost_usd']) };
}

const usageIn = (usage: Json): AgentUsage => ({
  input_tokens: countIn(usage['input_tokens']),
  output_tokens: countIn(usage['output_tokens']),
  cache_read_tokens: countIn(usage['cache_read_input_tokens']),
  cache_write_tokens: countIn(usage['cache_creation_input_tokens']),
  cost_usd: null,
});
