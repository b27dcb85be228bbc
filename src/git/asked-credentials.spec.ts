import { PassThrough, type Duplex } from 'node:stream';
import { answerOnce, answerTo, withoutCredentials } from './asked-credentials.js';

const KEPT = { url: 'https://git.example:8443/team/a%20project.git', username: 'ada', password: 'correct horse' };
const ANSWER = 'username=ada\npassword=correct horse\n';
const about = (protocol: string, host: string, path: string, ...more: string[]): string =>
  [`protocol=${protocol}`, `host=${host}`, `path=${path}`, ...more, '', ''].join('\n');

describe('a question of git', () => {
  it('about the address of the credentials is answered with them, whatever else it says', () => {
    expect(answerTo(about('https', 'git.example:8443', 'team/a project.git'), KEPT)).toBe(ANSWER);
    const more = ['wwwauth[]=Basic realm="host=other.example"', 'capability[]=authtype'];
    expect(answerTo(about('https', 'git.example:8443', 'team/a project.git', ...more), KEPT)).toBe(ANSWER);
  });

  it.each([
    ['another host', about('https', 'other.example', 'team/a project.git')],
    ['another port', about('https', 'git.example', 'team/a project.git')],
    ['a host below it', about('https', 'git.example:8443.other.example', 'team/a project.git')],
    ['another scheme', about('http', 'git.example:8443', 'team/a project.git')],
    ['another repository', about('https', 'git.example:8443', 'team/other.git')],
    ['a path below it', about('https', 'git.example:8443', 'team/a project.git/x')],
    ['two hosts', about('https', 'git.example:8443', 'team/a project.git', 'host=other.example')],
    ['no path', 'protocol=https\nhost=git.example:8443\n\n'],
    ['nothing', '\n'],
    ['the address after its end', `\n\n${about('https', 'git.example:8443', 'team/a project.git')}`],
  ])('about %s is answered with nothing', (_, question) => {
    expect(answerTo(question, KEPT)).toBe('');
  });

  it('of a plain address is answered with nothing, even if that is theirs', () => {
    const plain = { ...KEPT, url: 'http://git.example/x.git' };
    expect(answerTo(about('http', 'git.example', 'x.git'), plain)).toBe('');
  });
});

/** Two ends of a channel. */
function channel(): { near: Duplex; far: { ask: (text: string) => void; heard: () => string; ended: () => boolean } } {
  const near = new PassThrough();
  const said: string[] = [];
  let over = false;
  near.end = (text?: unknown) => {
    said.push(String(text));
    over = true;
    return near;
  };
  return {
    near,
    far: { ask: (text) => near.emit('data', Buffer.from(text)), heard: () => said.join(''), ended: () => over },
  };
}

describe('a channel', () => {
  const question = about('https', 'git.example:8443', 'team/a project.git');

  it('answers when the question is whole, and once', () => {
    const { near, far } = channel();
    answerOnce(near, KEPT);
    far.ask(question.slice(0, 20));
    expect(far.ended()).toBe(false);
    far.ask(question.slice(20));
    expect(far.heard()).toBe(ANSWER);
    far.ask(question);
    expect(far.heard()).toBe(ANSWER);
  });

  it('that was asked about something else does not answer any more', () => {
    const { near, far } = channel();
    answerOnce(near, KEPT);
    far.ask(about('https', 'other.example', 'x'));
    far.ask(question);
    expect(far.heard()).toBe('');
  });

  it('ends a question that has no end', () => {
    const { near, far } = channel();
    answerOnce(near, KEPT);
    far.ask('x'.repeat(70_000));
    expect(far.ended()).toBe(true);
    expect(far.heard()).toBe('');
  });
});

it('what the other side repeats of credentials is taken out of what git says', () => {
  const basic = Buffer.from('ada@example.com:hunter2/').toString('base64');
  const said = `remote: ada@example.com with hunter2/ (hunter2%2F, ${basic}) may not\nfatal: Authentication failed`;
  expect(withoutCredentials(said, { username: 'ada@example.com', password: 'hunter2/' })).toBe(
    'remote: [redacted] with [redacted] ([redacted], [redacted]) may not\nfatal: Authentication failed',
  );
});
