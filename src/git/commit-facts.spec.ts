import { factsOf } from './commit-facts.js';

describe('agent type of a commit', () => {
  it.each([
    ['feat: sign in', 'codegen'],
    ['fix(auth): refuse old tokens', 'codegen'],
    ['Feat!: new wire format', 'codegen'],
    ['fix(api)!: drop v0', 'codegen'],
    ['refactor: split a file', 'refresher'],
    ['chore(deps): update', 'refresher'],
    ['docs: how to deploy', null],
    ['test(deploy): wait for ready', null],
    ['ci: deploy on tags', null],
    ['Deploy 1.2.0 to staging', 'deployment'],
    ['Redeployed the worker', 'deployment'],
    ['Roll back to 1.1', 'deployment'],
    ['build: deployment image', 'deployment'],
    ['employ better names', null],
    ['fixing: things', null],
    ['feature: no such type', null],
    ['feat without a colon', null],
    ['constructor: __proto__', null],
    ['', null],
  ])('%j is %j', (message, expected) => {
    expect(factsOf(message).agent_type).toBe(expected);
  });

  it.each([
    ['feat: x\n\nAgent-Type: review', 'review'],
    ['docs: x\n\nbody\n\nagent-type:   Review-Agent  \nIssue: #2', 'review'],
    ['feat: x\n\nAgent-Type: one\nAgent-Type: two', 'two'],
    ['feat: x\r\n\r\nAgent-Type: issue\r\n', 'issue'],
  ])('a trailer wins: %j is %j', (message, expected) => {
    expect(factsOf(message).agent_type).toBe(expected);
  });

  it.each([
    ['Agent-Type: review', null],
    ['feat: x\n\nAgent-Type: review\n\nmore words', 'codegen'],
    ['feat: x\n\nAgent-Type: two words', 'codegen'],
    ['feat: x\n\nAgent-Type:', 'codegen'],
  ])('what is no trailer does not count: %j is %j', (message, expected) => {
    expect(factsOf(message).agent_type).toBe(expected);
  });
});

describe('issue of a commit', () => {
  it.each([
    ['fix: x (#12)', 12],
    ['fix: x\n\nCloses #34.', 34],
    ['fix: #1 before #2', 1],
    ['Merge branch issue-56-login', 56],
    ['Merge branch issue-56 (#7)', 7],
    ['fix: #9\n\nIssue: #10', 10],
    ['fix: #9\n\nIssue: 11', 11],
    ['fix: #9\n\nIssue: octocat/hello#12', 12],
    ['fix: #9\n\nIssue: https://github.com/octocat/hello/issues/13', 13],
    ['fix: #9\n\nIssue: soon', 9],
    ['max #2147483647', 2_147_483_647],
  ])('%j is %j', (message, expected) => {
    expect(factsOf(message).issue_number).toBe(expected);
  });

  it.each([
    'colour #123abc',
    'entity &#123;',
    'word#5',
    'C#7',
    '##8',
    '#0',
    '#',
    '#2147483648',
    'tissue-5',
    'issue-5x',
    'none',
  ])('%j names none', (message) => {
    expect(factsOf(message).issue_number).toBeNull();
  });
});

describe('level of a commit', () => {
  it.each([
    ['Revert "feat: x"', 'warn'],
    ['revert: feat: x', 'warn'],
    ['hotfix: stop the leak', 'warn'],
    ['fix: hot-fix for the leak', 'warn'],
    ['feat!: new', 'warn'],
    ['feat: new\n\nBREAKING CHANGE: all of it', 'warn'],
    ['feat: new\n\nBREAKING-CHANGE: all of it', 'warn'],
    ['feat: new', 'info'],
    ['fix: error in the log', 'info'],
    ['docs: what a BREAKING CHANGE is', 'info'],
    ['Reverting is easy', 'info'],
  ])('%j is %j', (message, expected) => {
    expect(factsOf(message).level).toBe(expected);
  });
});

it('reads subject and body apart, the subject on one line', () => {
  expect(factsOf('\n\nfeat: one\n  and two\n\nbody\n\nmore\n')).toMatchObject({
    subject: 'feat: one and two',
    body: 'body\n\nmore',
  });
});

it.each([
  ['blanks in a trailer', `feat: x\n\na:${' '.repeat(4_000_000)}\u2028x`],
  ['blank lines', `feat: x${`\n${' '.repeat(2_000_000)}`.repeat(2)}x`],
  ['marks of issues', `feat: x\n\nIssue: ${'#1'.repeat(2_000_000)}x`],
  ['digits', `feat: #${'1'.repeat(4_000_000)}x`],
])('comes to an end with millions of %s', (_, message) => {
  // A pattern that takes the square of their number would be at it for hours.
  expect(factsOf(message).subject).toMatch(/^feat: /);
});
