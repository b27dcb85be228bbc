import { plainText } from './plain-text.js';

const LINES = 20;
const LINE_LENGTH = 500;

/** Remembers the last lines an agent wrote. */
export class OutputTail {
  private lines: string[] = [];

  add(lines: readonly string[]): void {
    const kept = lines.slice(-LINES).filter((line) => line.trim() !== '');
    if (kept.length > 0) this.lines = [...this.lines, ...kept].slice(-LINES);
  }

  /** The last lines as plain text; empty when there was no output. */
  text(): string {
    return this.lines.map((line) => plainText(line, LINE_LENGTH).trimEnd()).join('\n');
  }
}
