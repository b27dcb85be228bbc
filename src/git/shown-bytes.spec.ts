import { bytesOfShown, shownBytes } from './shown-bytes.js';

const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

it.each([
  ['plain', Buffer.from('plain')],
  ['C:\\work\\x\\5c', Buffer.from('C:\\work\\x\\5c')],
  ['caf\\xe9', latin('caf\xe9')],
  ['caf\\x5cxe9', Buffer.from('caf\\xe9')],
  ['caf\\x5cx5cxe9', Buffer.from('caf\\x5cxe9')],
  ['\\\\xff', latin('\\\xff')],
  ['\\x\\xff', latin('\\x\xff')],
  ['é\\x5cx80\\x80', Buffer.concat([Buffer.from('é\\x80'), latin('\x80')])],
])('tells %s, and is told it back', (text, bytes) => {
  expect(shownBytes(bytes)).toBe(text);
  expect(bytesOfShown(text)).toEqual(bytes);
});

it('tells no two the same', () => {
  const pieces = ['\\', 'x', '5c', 'ff', '\xff', '\x80', 'é'].map(latin);
  const all = new Map<string, string>();
  const grow = (bytes: Buffer, left: number): void => {
    const text = shownBytes(bytes);
    expect(bytesOfShown(text)).toEqual(bytes);
    const before = all.get(text);
    expect(before ?? bytes.toString('hex')).toBe(bytes.toString('hex'));
    all.set(text, bytes.toString('hex'));
    if (left > 0) for (const piece of pieces) grow(Buffer.concat([bytes, piece]), left - 1);
  };
  grow(Buffer.alloc(0), 5);
});
