import type { AgentLine } from './stream-news.js';
import { objectIn, textIn } from './stream-values.js';

const LONGEST_OUTPUT = 4000;
const LONGEST_SUBJECT = 300;
const LONGEST_PROGRESS = 200;

/** What of a tool's input says best what it does, in this order. */
const SUBJECTS = [
  'command',
  'cmd',
  'file_path',
  'filePath',
  'absolute_path',
  'path',
  'pattern',
  'query',
  'url',
  'description',
  'prompt',
];

/** A text of the agent, a line each. */
export function spoken(text: string, level: AgentLine['level'] = 'info'): AgentLine[] {
  const trimmed = text.trimEnd();
  return trimmed === '' ? [] : trimmed.split('\n').map((line) => ({ level, text: line }));
}

/** That a tool is used: `Bash: npm test`. */
export function toolText(name: string, input: unknown): string {
  const fields = objectIn(input);
  const found = SUBJECTS.map((field) => fields[field]).find((value) => value !== undefined);
  const subject = Array.isArray(found) ? found.join(' ') : textIn(found);
  const rest = subject === '' && Object.keys(fields).length > 0 ? JSON.stringify(fields) : subject;
  return rest === '' ? name : `${name}: ${shortened(rest.replaceAll(/\s+/g, ' '), LONGEST_SUBJECT)}`;
}

/** What a tool gave, cut where it is long, which is then said. */
export function toolOutput(text: string, failed: boolean): AgentLine[] {
  const trimmed = text.trimEnd();
  const level = failed ? 'warn' : 'debug';
  if (trimmed.length <= LONGEST_OUTPUT) return spoken(trimmed, level);
  const left = trimmed.length - LONGEST_OUTPUT;
  return [
    ...spoken(trimmed.slice(0, LONGEST_OUTPUT), level),
    { level, text: `(${String(left)} more characters of output are not kept)` },
  ];
}

/** The first line of a text, in a few words. */
export const progressOf = (text: string): string => shortened(text.trim().split('\n')[0] ?? '', LONGEST_PROGRESS);

const shortened = (text: string, longest: number): string =>
  text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
