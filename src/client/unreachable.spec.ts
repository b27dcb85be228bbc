import { describe, expect, it } from '@jest/globals';
import { noAnswer, noAnswerInOne } from './unreachable.js';

const failed = (code: string, message: string) =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) });

describe('a call without an answer', () => {
  it('is told by its cause', () => {
    const refused = failed('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1');
    expect(noAnswerInOne(refused)).toBe('connect ECONNREFUSED 127.0.0.1:1');
    expect(noAnswerInOne(failed('UND_ERR_SOCKET', 'other side closed'))).toBe('other side closed (UND_ERR_SOCKET)');
    expect(noAnswerInOne(failed('ECONNREFUSED', ''))).toBe('fetch failed (ECONNREFUSED)');
    expect(noAnswerInOne(new TypeError('terminated'))).toBe('terminated');
    expect(noAnswerInOne('so')).toBe('so');
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'does not trust', 'NODE_EXTRA_CA_CERTS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'does not trust', 'GIT_SSL_CAINFO'],
    ['CERT_HAS_EXPIRED', 'not valid at this time', 'clock'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'for another name', 'address'],
  ])('says what to do about %s', (code, reason, advice) => {
    const told = noAnswer(failed(code, 'certificate'));
    expect(told).toEqual({ reason: expect.stringContaining(reason), advice: expect.stringContaining(advice) });
    expect(told.reason).toContain(code);
  });
});
