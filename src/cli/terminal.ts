import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** What the command says: results to standard output, everything about them to standard error. */
export class Terminal {
  constructor(
    private readonly out: Output,
    private readonly err: Output,
    /** Whether results are JSON, for programs. */
    readonly json: boolean,
    private readonly mayColour: boolean,
  ) {}

  /** Whether somebody looks on, for whom progress is shown. */
  get isWatched(): boolean {
    return this.err.isTTY === true && !this.json;
  }

  /** A line of a result. */
  line(text = ''): void {
    this.out.write(`${text}\n`);
  }

  /** A result as JSON, with `--json` alone; answers whether it was written. */
  asJson(value: unknown): boolean {
    if (this.json) this.line(JSON.stringify(value, null, 2));
    return this.json;
  }

  /** A line about what goes on. */
  note(text: string): void {
    this.err.write(`${text}\n`);
  }

  /** Text in a style, where that shows. */
  styled(style: Style, text: string): string {
    return this.out.isTTY === true && this.mayColour ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Rows in columns as wide as their widest cell. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const all = [head, ...rows];
    const widths = head.map((_, at) => Math.max(...all.map((row) => widthOf(row[at] ?? ''))));
    for (const [at, row] of all.entries()) {
      const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)));
      const text = cells.join('  ').trimEnd();
      this.line(at === 0 ? this.styled('bold', text) : text);
    }
  }

  /** Names and values, one a line. */
  facts(facts: readonly (readonly [name: string, value: string])[]): void {
    const width = Math.max(...facts.map(([name]) => name.length));
    for (const [name, value] of facts) this.line(`${this.styled('dim', name.padEnd(width))}  ${value}`);
  }
}

/** Control sequences, commands to the terminal and other escapes (ECMA-48). Node's own pattern takes text along with them. */
const ESCAPES = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[ -/]*[0-~]/g;

const widthOf = (text: string): number => [...text.replace(ESCAPES, '')].length;

/** Text of others on one line: what would move the cursor or colour the screen is left out. */
export const plain = (text: string): string => text.replace(ESCAPES, '').replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');

const STATUS_STYLES: Readonly<Record<string, Style>> = {
  completed: 'green',
  healthy: 'green',
  ok: 'green',
  running: 'cyan',
  active: 'cyan',
  failed: 'red',
  unhealthy: 'red',
  down: 'red',
  degraded: 'yellow',
  cancelled: 'yellow',
  skipped: 'yellow',
  blocked: 'yellow',
  paused: 'yellow',
  draining: 'yellow',
};

/** A status in its colour. */
export function statusOf(terminal: Terminal, status: string): string {
  const style = STATUS_STYLES[status];
  return style === undefined ? status : terminal.styled(style, status);
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const;

/** `3m`: a time in the largest unit it has. */
export function duration(seconds: number): string {
  const found = UNITS.find(([, size]) => seconds >= size);
  return found === undefined
    ? `${String(Math.max(0, Math.round(seconds)))}s`
    : `${String(Math.floor(seconds / found[1]))}${found[0]}`;
}

/** How long ago it was. */
export const ago = (time: string | null | undefined): string =>
  time === null || time === undefined ? '-' : `${duration((Date.now() - Date.parse(time)) / 1000)} ago`;
