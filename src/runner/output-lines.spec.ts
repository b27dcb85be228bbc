import { LONGEST_MESSAGE, OutputLines, pieces } from './output-lines.js';

const linesOf = (...chunks: (string | Buffer)[]): string[] => {
  const lines = new OutputLines();
  return [...chunks.flatMap((chunk) => lines.push(Buffer.from(chunk))), ...lines.end()];
};

describe('OutputLines', () => {
  it('cuts at line feeds, whatever the chunks', () => {
    expect(linesOf('one\ntw', 'o\r\n\nthr', 'ee')).toEqual(['one', 'two', '', 'three']);
  });

  it('puts characters together that a chunk cut', () => {
    const bytes = Buffer.from('雅び 🌸 été\n');
    expect(linesOf(...[...bytes].map((byte) => Buffer.from([byte])))).toEqual(['雅び 🌸 été']);
  });

  it('replaces NUL and bytes that are no UTF-8, and keeps colours', () => {
    expect(linesOf(Buffer.from([0x61, 0x00, 0xff, 0x62, 0x0a]), '\u001b[31mred\u001b[0m\n')).toEqual([
      'a\uFFFD\uFFFDb',
      '\u001b[31mred\u001b[0m',
    ]);
  });

  it('ends a character that the stream cut off', () => {
    expect(linesOf(Buffer.from('雅').subarray(0, 2))).toEqual(['\uFFFD']);
  });

  it('splits a line beyond 64 KiB between characters and loses nothing', () => {
    const line = 'x' + '🌸雅'.repeat(60_000);
    const bytes = Buffer.from(line);
    const found = linesOf(bytes.subarray(0, 100_001), bytes.subarray(100_001), '\nnext\n');
    expect(found.at(-1)).toBe('next');
    const parts = found.slice(0, -1);
    // Compared first: a difference of this size is better not printed.
    expect(parts.join('') === line).toBe(true);
    parts.forEach((part) => {
      expect(Buffer.byteLength(part)).toBeLessThanOrEqual(LONGEST_MESSAGE);
      expect(Buffer.from(part).toString() === part).toBe(true);
    });
  });

  it('keeps a line of NUL within the limit, although the replacement is longer', () => {
    const found = linesOf(Buffer.alloc(LONGEST_MESSAGE), '\n');
    expect(found.join('') === '\uFFFD'.repeat(LONGEST_MESSAGE)).toBe(true);
    found.forEach((part) => expect(Buffer.byteLength(part)).toBeLessThanOrEqual(LONGEST_MESSAGE));
  });
});

describe('pieces', () => {
  it('leaves a short text whole', () => {
    expect(pieces('')).toEqual(['']);
    expect(pieces('a')).toEqual(['a']);
  });
});
