import { credentials, remoteUrl, troubleOf } from './git-transport.js';

describe('troubleOf', () => {
  it.each([
    [
      "fatal: unable to access 'http://x/': Failed to connect to x port 80 after 0 ms: Couldn't connect to server",
      'away',
    ],
    ['fatal: unable to access: Could not resolve host: x', 'away'],
    ["fatal: unable to access 'http://x/': The requested URL returned error: 503", 'away'],
    ['error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502', 'away'],
    ['error: RPC failed; curl 56 Recv failure: Connection reset by peer', 'away'],
    ['fatal: the remote end hung up unexpectedly', 'away'],
    ['fatal: unable to access: The requested URL returned error: 429', 'away'],
    ["fatal: Authentication failed for 'http://x/'", 'unauthenticated'],
    ['fatal: could not read Username: terminal prompts disabled', 'unauthenticated'],
    [
      'error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403\nfatal: the remote end hung up unexpectedly',
      'final',
    ],
    ['remote: not found\nfatal: repository not found', 'final'],
    [' ! [remote rejected] a -> b (pre-receive hook declined)\nerror: failed to push some refs', 'final'],
    ['fatal: bad object HEAD', 'final'],
  ])('calls %j %s', (stderr, expected) => {
    expect(troubleOf(stderr)).toBe(expected);
  });
});

describe('remoteUrl', () => {
  it('resolves against the address of the server', () => {
    expect(remoteUrl('/git/x.git', 'http://h:1')).toBe('http://h:1/git/x.git');
    expect(remoteUrl('https://other/git/x.git', 'http://h:1')).toBe('https://other/git/x.git');
  });

  it.each(['ssh://h/x', 'file:///etc', 'ext::sh -c x', 'http://user:secret@h/x', 'javascript:1'])(
    'refuses %j',
    (url) => {
      expect(() => remoteUrl(url, 'http://h')).toThrow('not an HTTP address');
    },
  );
});

describe('credentials', () => {
  it('binds them to the address and keeps them out of it', () => {
    const remote = { url: 'http://h/git/x.git', user: 'execution', password: () => 'token' };
    const variables = credentials(remote);
    expect(variables['GIT_CONFIG_KEY_0']).toBe('http.http://h/git/x.git.extraHeader');
    expect(variables['GIT_CONFIG_VALUE_0']).toBe('Authorization: Basic ZXhlY3V0aW9uOnRva2Vu');
  });
});
