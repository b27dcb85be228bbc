import { isExactNumber, parseExactJson } from './exact-json.js';

describe('a number in JSON', () => {
  it.each(['0', '-1', '1.0', '0.10', '1e3', '1.5E-7', '9007199254740991', '100000000000000000000', '0.1', '5e-324'])(
    'is exact: %s',
    (text) => expect(isExactNumber(text)).toBe(true),
  );

  it.each([
    '9007199254740993',
    '1e400',
    '-0',
    '-0.0',
    '3.14159265358979323846',
    '0.1000000000000000055511151231257827',
  ])('is not exact: %s', (text) => expect(isExactNumber(text)).toBe(false));
});

describe('JSON', () => {
  it.each([
    ['a key twice', '{"a": {"b": 1, "b": 1}}'],
    ['a key twice, once escaped', '{"a": 1, "\\u0061": 2}'],
    ['levels beyond 64', `${'['.repeat(65)}${']'.repeat(65)}`],
  ])('is refused with %s', (_, text) => {
    expect(() => parseExactJson(text)).toThrow('json/not-exact');
  });

  it('is taken with equal keys in different objects, and with keys in text', () => {
    const text = '[{"a": 1}, {"a": "\\"a\\": 1, \\"a\\": 2"}]';
    expect(parseExactJson(text)).toEqual(JSON.parse(text));
  });

  it.each(['{', '[1,]', '01', "{'a': 1}", 'NaN'])('is refused when it is none: %s', (text) => {
    expect(() => parseExactJson(text)).toThrow('json/malformed');
  });

  it('comes to an end with a number of millions of digits', () => {
    // A pattern that takes the square of their number would be at it for hours, and nothing else be served.
    expect(() => parseExactJson(`{"x": 1.${'0'.repeat(4_000_000)}1}`)).toThrow('json/not-exact');
    expect(() => parseExactJson(`{"x": 1${'0'.repeat(4_000_000)}}`)).toThrow('json/not-exact');
  });
});
