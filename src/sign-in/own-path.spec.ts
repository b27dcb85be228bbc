import { isOwnPath } from './own-path.js';

describe('a path to go to after a sign-in', () => {
  it.each([
    '/',
    '/tasks',
    '/tasks?status=failed&q=a%20b',
    '/tasks#log',
    '/device?code=ABCD-EFGH',
    '/api/docs',
    '/tasks?q=//not-a-host',
    '/tasks?q=100%25',
    '/tasks?q=%2525',
    '/tasks/ä',
    '/a//b',
    '/x:y@z',
    `/${'a'.repeat(2047)}`,
  ])('may be %s', (path) => {
    expect(isOwnPath(path)).toBe(true);
  });

  it.each([
    '',
    'tasks',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/a\\b',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r\nSet-Cookie: a=b',
    '/\u0000',
    '/\u0085',
    '/\u2028',
    ' /tasks',
    '\u0001/tasks',
    'https://evil.example',
    'HTTPS:/evil.example',
    'https:evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '/%2fevil.example',
    '/%2Fevil.example',
    '%2f%2fevil.example',
    '/%5cevil.example',
    '/%252fevil.example',
    '/%25252fevil.example',
    '/%2525252525252fevil.example',
    '/%0d%0aSet-Cookie:%20a=b',
    '/%00',
    '/%09/evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    '/%2e%2e%2f%2fevil.example',
    '/%zz',
    '/%',
    '/%ff',
    '/\ud800',
    `/${'a'.repeat(2048)}`,
  ])('may not be %j', (path) => {
    expect(isOwnPath(path)).toBe(false);
  });
});
