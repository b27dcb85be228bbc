import { localPathOf, localSource, readSource, type SourceInput } from './repository-source.js';

const keyOf = (input: SourceInput): string => {
  const source = readSource(input);
  return 'path' in source ? `path ${source.path}` : source.source_key;
};

describe('one source in its many spellings', () => {
  it.each([
    { full_name: 'Octocat/Hello-World' },
    { clone_url: 'https://github.com/octocat/hello-world.git' },
    { clone_url: 'https://GitHub.com/Octocat/Hello-World' },
    { clone_url: 'https://github.com:443/octocat/hello-world/' },
    { clone_url: 'git@github.com:octocat/hello-world.git' },
    { clone_url: 'ssh://git@github.com/octocat/hello-world' },
    { clone_url: 'ssh://git@github.com:22/octocat/hello-world' },
  ])('%j is the same', (input) => {
    expect(keyOf(input)).toBe('github.com/octocat/hello-world');
    expect(readSource(input)).toMatchObject({ full_name: expect.stringMatching(/^octocat\/hello-world$/i) as string });
  });

  it.each([
    ['https://git.example/team/project.git', 'https://git.example/team/project'],
    ['https://GIT.example:8443/Team/Project', 'https://git.example:8443/Team/Project'],
    ['git@git.example:team/project.git', 'ssh://git@git.example/team/project'],
    // What is at another port of GitHub's host is not GitHub.
    ['https://github.com:444/a/b', 'https://github.com:444/a/b'],
    ['https://github.com:22/a/b', 'https://github.com:22/a/b'],
    ['ssh://git@github.com:2222/a/b', 'ssh://git@github.com:2222/a/b'],
    ['file:///srv/a%20b', 'path /srv/a b'],
  ])('%s is %s', (clone_url, key) => {
    expect(keyOf({ clone_url })).toBe(key);
  });
});

it('has one key for all work trees of a repository on disk, and where it was registered by', () => {
  const sources = [
    localSource('/srv/a', '/srv/a/.git', null),
    localSource('/srv/a/.git', '/srv/a/.git', null),
    localSource('/srv/linked b', '/srv/a/.git', 'file:///srv/linked%20b'),
  ];
  expect(sources.map(({ source_key }) => source_key)).toEqual(Array(3).fill('file:/srv/a'));
  expect(sources.map(localPathOf)).toEqual(['/srv/a', '/srv/a/.git', '/srv/linked b']);
  expect(localSource('/srv/bare.git', '/srv/bare.git', null).source_key).toBe('file:/srv/bare.git');
});

it.each([
  {},
  { full_name: 'a/b', clone_url: 'https://a.example/b' },
  { clone_url: 'https://a.example/b', local_path: '/x' },
])('refuses %j: exactly one source', (input) => {
  expect(() => readSource(input)).toThrow(expect.objectContaining({ kind: 'invalid' }));
});

it.each([
  'https://user:password@git.example/x.git',
  'https://token@git.example/x.git',
  'ssh://git:password@git.example/x.git',
  'https://git.example/x.git?token=1',
  'https://git.example/x.git#1',
  'http://git.example/x.git',
  'git://git.example/x.git',
  'ext::sh -c touch% /tmp/canary',
  'fd::17',
  'ssh://-oProxyCommand=touch/x',
  'ssh://-oProxyCommand=touch@git.example/x',
  'ssh://git@git.example/',
  'https://git.example/',
  '-u./evil',
  '--upload-pack=touch /tmp/canary',
  '/srv/project',
  'file://other.host/srv/project',
  'file:///srv/%ff',
  'javascript:alert(1)',
])('refuses the clone URL %s', (clone_url) => {
  expect(() => readSource({ clone_url })).toThrow(expect.objectContaining({ kind: 'invalid' }));
});

it('says so when a URL carries credentials, and does not repeat them', () => {
  expect(() => readSource({ clone_url: 'https://me:hunter2@git.example/x' })).toThrow(/credentials/);
  expect(() => readSource({ clone_url: 'https://me:hunter2@git.example/x' })).not.toThrow(/hunter2/);
});
