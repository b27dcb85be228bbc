import { describe, expect, it } from '@jest/globals';
import { isGithubId } from './github-id.js';
import { loginFrom } from './login.js';

describe('a GitHub id', () => {
  it.each(['1', '1001', '2147483648', '9007199254740993', '9223372036854775807'])('may be %s', (text) => {
    expect(isGithubId(text)).toBe(true);
  });

  it.each(['', '0', '-1', '+1', '01', '1.0', '1e3', '0x10', ' 1', '1 ', '٣', '9223372036854775808', '1'.repeat(400)])(
    'may not be %j',
    (text) => {
      expect(isGithubId(text)).toBe(false);
    },
  );
});

describe('a login', () => {
  it.each([
    ['ada@example.com', 'ada'],
    ['Ada.Lovelace+test@example.com', 'ada-lovelace-test'],
    ['_@example.com', 'user'],
    ['"a@b"@example.com', 'a-b'],
    [`${'x'.repeat(38)}.y@example.com`, 'x'.repeat(38)],
  ])('of %s is %s', (email, login) => {
    expect(loginFrom(email)).toBe(login);
  });
});
