import { describe, expect, it } from '@jest/globals';
import { hashOfSecret, isKey, isRefreshToken, looksLikeKey, newKey, newRefreshToken } from './keys.js';

describe('keys', () => {
  it('are a prefix, 40 random characters and six of checksum', () => {
    expect(newKey('myw_')).toMatch(/^myw_[0-9A-Za-z]{46}$/);
    expect(newKey('myk_')).toMatch(/^myk_[0-9A-Za-z]{46}$/);
    expect(new Set(Array.from({ length: 100 }, () => newKey('myw_'))).size).toBe(100);
  });

  it('pad a short checksum with zeros', () => {
    const padded = Array.from({ length: 2000 }, () => newKey('myk_')).filter((key) => key.slice(-6).startsWith('0'));
    expect(padded.length).toBeGreaterThan(0);
    expect(padded.every(isKey)).toBe(true);
  });

  it('are refused after any typing error of one character', () => {
    const key = newKey('myw_');
    for (let at = 4; at < key.length; at++) {
      const wrong = key[at] === 'x' ? 'y' : 'x';
      expect(isKey(key.slice(0, at) + wrong + key.slice(at + 1))).toBe(false);
    }
  });

  it('are refused when cut, lengthened, of another prefix or not a key at all', () => {
    const key = newKey('myk_');
    const texts = [
      '',
      'myk_',
      key.slice(0, -1),
      `${key}0`,
      ` ${key}`,
      `${key}\n`,
      `myw_${key.slice(4)}`,
      key.toUpperCase(),
    ];
    for (const text of texts) expect([text, isKey(text)]).toEqual([text, false]);
  });

  it('are told from access tokens by their prefix', () => {
    expect(['myk_', 'myw_x', 'myr_x', 'eyJhbGciOi', ''].map(looksLikeKey)).toEqual([true, true, false, false, false]);
  });

  it('are kept as their SHA-256', () => {
    expect(hashOfSecret('abc').toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});

describe('refresh tokens', () => {
  it('carry 32 random bytes behind their prefix', () => {
    const token = newRefreshToken();
    expect(isRefreshToken(token)).toBe(true);
    expect(Buffer.from(token.slice(4), 'base64url')).toHaveLength(32);
    expect(newRefreshToken()).not.toBe(token);
  });

  it('are not taken for keys, nor keys or access tokens for them', () => {
    expect(isKey(newRefreshToken())).toBe(false);
    expect([newKey('myk_'), 'eyJhbGciOiJIUzI1NiJ9.e30.x', 'myr_', ''].some(isRefreshToken)).toBe(false);
  });
});
