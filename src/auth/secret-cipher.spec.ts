import { randomBytes } from 'node:crypto';
import { GithubConfig } from '../config/github.config.js';
import { SealBroken, SecretCipher } from './secret-cipher.js';

const KEYS = { a: randomBytes(32), b: randomBytes(32) };

const cipherWith = (...ids: (keyof typeof KEYS)[]): SecretCipher =>
  new SecretCipher(
    Object.assign(new GithubConfig(), { token_encryption_keys: ids.map((id) => ({ id, key: KEYS[id] })) }),
  );

describe('a sealed token', () => {
  const cipher = cipherWith('a');

  it.each(['gho_16C7e42F292c6912E7710c838347Ae178B4a', '', 'ä😀', 'x'.repeat(10_000)])('opens again: %s', (token) => {
    expect(cipher.open(cipher.seal(token, 'ada'), 'ada')).toBe(token);
  });

  it('looks different each time and shows nothing of the token', () => {
    const sealed = Array.from({ length: 50 }, () => cipher.seal('gho_secret', 'ada'));
    expect(new Set(sealed).size).toBe(50);
    const shown = sealed.flatMap((text) => [text, Buffer.from(text.slice(2), 'base64url').toString('latin1')]);
    expect(shown.filter((text) => text.includes('gho_') || text.includes('secret'))).toEqual([]);
  });

  it('does not open for somebody else', () => {
    expect(() => cipher.open(cipher.seal('gho_secret', 'ada'), 'bob')).toThrow(SealBroken);
  });

  it('does not open once any of its bits was changed, nor shortened, and the error tells nothing', () => {
    const sealed = cipher.seal('gho_secret', 'ada');
    const bytes = Buffer.from(sealed.slice(2), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
      expect(() => cipher.open(`a.${changed.toString('base64url')}`, 'ada')).toThrow(SealBroken);
    }
    for (let length = 0; length < bytes.length; length++)
      expect(() => cipher.open(`a.${bytes.subarray(0, length).toString('base64url')}`, 'ada')).toThrow(
        'a text sealed with the key a was changed',
      );
  });

  it('opens with an older key that is still known, and is sealed with the first one', () => {
    const sealed = cipherWith('a').seal('gho_secret', 'ada');
    const rotated = cipherWith('b', 'a');
    expect(rotated.open(sealed, 'ada')).toBe('gho_secret');
    expect(rotated.seal('gho_secret', 'ada')).toMatch(/^b\./);
    expect(rotated.key_id).toBe('b');
    expect(() => cipherWith('b').open(sealed, 'ada')).toThrow('there is no key a');
  });

  it('does not open under the id of another key', () => {
    const sealed = cipherWith('a').seal('gho_secret', 'ada');
    expect(() => cipherWith('b', 'a').open(sealed.replace(/^a/, 'b'), 'ada')).toThrow(SealBroken);
  });
});
