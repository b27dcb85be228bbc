import { ago, duration, plain, Terminal } from './terminal.js';

class Screen {
  text = '';
  constructor(readonly isTTY: boolean) {}
  write(text: string): void {
    this.text += text;
  }
}

describe('what a command writes', () => {
  it.each([
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ])('on a terminal %j, where colours are allowed %j, is coloured %j', (isTTY, mayColour, isColoured) => {
    const out = new Screen(isTTY);
    const terminal = new Terminal(out, new Screen(isTTY), false, mayColour);
    terminal.table(['NAME'], [[terminal.styled('green', 'ok')]]);
    expect(out.text.includes('\x1b[')).toBe(isColoured);
  });

  it('shows progress to somebody who looks on, and to no program', () => {
    expect(new Terminal(new Screen(false), new Screen(true), false, true).isWatched).toBe(true);
    expect(new Terminal(new Screen(true), new Screen(true), true, true).isWatched).toBe(false);
    expect(new Terminal(new Screen(true), new Screen(false), false, true).isWatched).toBe(false);
  });

  it('stands in columns, whatever its colours', () => {
    const out = new Screen(true);
    const terminal = new Terminal(out, out, false, true);
    terminal.table(
      ['A', 'B'],
      [
        [terminal.styled('green', 'x'), '1'],
        ['long', '2'],
      ],
    );
    const lines = plain(out.text.replaceAll('\n', '|')).split('|');
    expect(lines).toEqual(['A     B', 'x     1', 'long  2', '']);
  });

  it('holds nothing of others that would steer the screen', () => {
    expect(plain('a\x1b[2J\x1b]0;title\x07b\r\nc\u2028d\u0000')).not.toMatch(/[\p{Cc}\u2028]/u);
    expect(plain('ünïcode 🚀')).toBe('ünïcode 🚀');
  });

  it.each([
    [0, '0s'],
    [59.4, '59s'],
    [60, '1m'],
    [7199, '1h'],
    [200_000, '2d'],
  ])('tells %j seconds as %s', (seconds, told) => {
    expect(duration(seconds)).toBe(told);
  });

  it('tells nothing of a time that never was', () => {
    expect(ago(null)).toBe('-');
  });
});
