import { describe, expect, it } from '@jest/globals';
import { hashOfUserCode, newDeviceCode, newUserCode, readUserCode, shownUserCode } from './device-codes.js';

describe('a user code', () => {
  it('is made of eight consonants, all of which come about', () => {
    const codes = Array.from({ length: 500 }, newUserCode);
    expect(codes.filter((code) => !/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/.test(code))).toEqual([]);
    expect(new Set(codes.join('')).size).toBe(20);
    expect(new Set(codes).size).toBe(500);
  });

  it('is shown in two parts, which are read as one', () => {
    expect(shownUserCode('WDJBMJHT')).toBe('WDJB-MJHT');
    expect(readUserCode(shownUserCode('WDJBMJHT'))).toBe('WDJBMJHT');
  });

  it.each(['WDJBMJHT', 'wdjb-mjht', ' WDJB MJHT ', 'W.D.J.B–M.J.H.T', 'wdjb\u00a0mjht\n'])(
    'is read with any case, blanks and punctuation: %j',
    (typed) => {
      expect(readUserCode(typed)).toBe('WDJBMJHT');
    },
  );

  it.each(['', 'WDJBMJH', 'WDJBMJHTT', 'WDJBMJHA', 'WDJBMJH1', 'WDJB+MJHT', 'ＷＤＪＢＭＪＨＴ'])(
    'is not %j',
    (typed) => {
      expect(readUserCode(typed)).toBeNull();
    },
  );
});

describe('the hash of a user code', () => {
  it('is another one with another secret, so that nobody finds the code by trying them all', () => {
    expect(hashOfUserCode('WDJBMJHT', 'one')).toEqual(hashOfUserCode('WDJBMJHT', 'one'));
    expect(hashOfUserCode('WDJBMJHT', 'one')).not.toEqual(hashOfUserCode('WDJBMJHT', 'other'));
    expect(hashOfUserCode('WDJBMJHT', 'one')).not.toEqual(hashOfUserCode('WDJBMJHS', 'one'));
  });
});

describe('a device code', () => {
  it('has 256 bits that nobody can guess, behind a prefix by which a leak is found', () => {
    expect(newDeviceCode()).toMatch(/^myd_[A-Za-z0-9_-]{43}$/);
    expect(newDeviceCode()).not.toBe(newDeviceCode());
  });
});
