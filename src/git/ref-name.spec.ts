import { refNameOf } from './ref-name.js';

it.each([
  ['v1.0.0', Buffer.from('v1.0.0')],
  ['<script>alert(1)</script>', Buffer.from('<script>alert(1)</script>')],
  ['日本語/😀', Buffer.from('日本語/😀')],
  ['\ufeffv1', Buffer.from('\ufeffv1')],
  ['v1-\\xff', Buffer.from('v1-\xff', 'latin1')],
  ['é-\\xe9-é', Buffer.concat([Buffer.from('é-'), Buffer.from('e9', 'hex'), Buffer.from('-é')])],
  // A character that is cut off, half of a surrogate pair, a needlessly long form, and what is beyond Unicode.
  ['\\xf0\\x9f\\x98', Buffer.from('f09f98', 'hex')],
  ['\\xed\\xa0\\x80', Buffer.from('eda080', 'hex')],
  ['\\xc0\\xaf', Buffer.from('c0af', 'hex')],
  ['\\xf4\\x90\\x80\\x80', Buffer.from('f4908080', 'hex')],
])('reads %s', (text, bytes) => {
  expect(refNameOf(bytes)).toBe(text);
});

it('takes a long name that is no text in its stride', () => {
  expect(refNameOf(Buffer.alloc(4096, 0xff))).toHaveLength(4 * 4096);
});
