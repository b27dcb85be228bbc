import { pathspecOf, unquoted } from './shown-path.js';

it('gives git a path to the letter', () => {
  for (const [path, spec] of [
    ['a*/[b]?', 'a*/[b]?'],
    ['a\\b', 'a\\b'],
    ['a\\x5cxff', 'a\\xff'],
    ['é', 'é'],
  ] as const)
    expect(pathspecOf(path)).toEqual({ option: '--literal-pathspecs', specs: [spec], isWanted: null });
});

it('gives git a pattern for bytes that are no text, and knows what is meant', () => {
  const { option, specs, isWanted } = pathspecOf('a*\\x5cx80/caf\\xe9/');
  expect([option, specs]).toEqual(['--glob-pathspecs', ['a\\*\\\\x80/caf?', 'a\\*\\\\x80/caf?/**']]);
  const isMeant = (path: string) => isWanted?.(Buffer.from(path, 'latin1'));
  expect(isMeant('a*\\x80/caf\xe9')).toBe(true);
  expect(isMeant('a*\\x80/caf\xe9/b')).toBe(true);
  expect(isMeant('a*\\x80/caf\xe9b')).toBe(false);
  expect(isMeant('a*\\x80/caf\xe8')).toBe(false);
});

it.each([
  ['plain', 'plain'],
  ['"a\\tb"', 'a\tb'],
  ['"a\\"\\\\\\001\\177b"', 'a"\\\x01\x7fb'],
])('reads %s as git has written it', (written, path) => {
  expect(unquoted(Buffer.from(written, 'latin1')).toString('latin1')).toBe(path);
});
