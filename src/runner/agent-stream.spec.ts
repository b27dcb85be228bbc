import { recordedStream } from '../../test/agent-streams.js';
import { AgentStream, readerOf } from './agent-stream.js';
import { noUsage, type AgentUsage } from './stream-usage.js';

const streamOf = (name: string, before?: AgentUsage): AgentStream => {
  const reader = readerOf([name]);
  if (reader === null) throw new Error(`there is no reader for ${name}`);
  return new AgentStream(reader, before);
};

/** What a recorded run comes to. */
function heard(cli: string, run: string, before?: AgentUsage) {
  const stream = streamOf(cli, before);
  const news = recordedStream(`${cli}-${run}`).map((line) => stream.read(line));
  const lines = [...news.flatMap((one) => one.lines), ...stream.end()];
  return { ...stream.facts, lines, progress: news.flatMap((one) => one.progress ?? []) };
}

const usage = (input: number, output: number, read: number, write = 0, cost_usd: number | null = null): AgentUsage => ({
  input_tokens: input,
  output_tokens: output,
  cache_read_tokens: read,
  cache_write_tokens: write,
  cost_usd,
});

describe('an agent that does its work', () => {
  it.each([
    ['claude', 'Bash: echo hello; ls', usage(24, 18, 112, 68, 0.0008184), 'claude-opus-5-5', 'All done.'],
    ['codex', "shell: /bin/bash -lc 'echo hello; ls'", usage(200, 60, 40), null, 'All done.'],
    ['gemini', 'run_shell_command: echo hello; ls', usage(200, 60, 40), 'gemini-2.5-pro', 'All done.'],
    ['opencode', 'bash: echo hello; ls', usage(200, 60, 40, 0, 0.00032), null, 'All done.'],
    ['qwen', 'run_shell_command: echo hello; ls', usage(200, 60, 40), 'm-1', 'All done.'],
    ['cursor-agent', 'read: README.md', usage(100, 30, 20, 5), 'Example Model', 'I look.All done.'],
  ])('of %s is heard: its words, its tools, what it used, its last word', (cli, tool, used, model, result) => {
    const { lines, progress, failure, session_id, ...facts } = heard(cli, 'done');
    const said = lines.filter(({ level }) => level === 'info').map(({ text }) => text);
    expect(said).toEqual([expect.stringMatching(/^I look/), tool, 'All done.']);
    expect(lines.every(({ stream }) => stream === 'agent')).toBe(true);
    expect(lines.filter(({ level }) => level === 'debug').map(({ text }) => text)).toEqual(['hello']);
    expect(progress).toEqual([expect.stringMatching(/^I look/), tool, expect.stringMatching(/All done\.$/)]);
    expect(facts).toMatchObject({ usage: used, model, result });
    expect(failure).toBeNull();
    expect(session_id).toMatch(/^\S{20,}$/);
  });

  it('of a session that was gone on with has used what this run has', () => {
    expect(heard('claude', 'resumed').usage).toEqual(usage(12, 9, 56, 34, 0.0004092));
    // Codex counts by thread: 360 and 90 tokens are 240 and 60 of the run before and these.
    expect(heard('codex', 'resumed', usage(200, 60, 40)).usage).toEqual(usage(100, 30, 20));
    expect(heard('codex', 'resumed', noUsage).usage).toEqual(usage(300, 90, 60));
  });
});

describe('Cursor', () => {
  const lines = (stream: AgentStream, event: object): string[] =>
    stream.read(JSON.stringify(event)).lines.map(({ level, text }) => `${level} ${text}`);
  const completed = (result: unknown): object => ({
    type: 'tool_call',
    subtype: 'completed',
    tool_call: { shellToolCall: { args: { command: 'npm test' }, result } },
  });

  it.each<[unknown, string[]]>([
    [{ success: { exitCode: 0, stdout: 'fine\n', stderr: '' } }, ['debug fine']],
    [{ success: { exitCode: 0, stdout: 'out\n', stderr: 'err\n' } }, ['debug out', 'debug err']],
    [{ success: { exitCode: 1, stdout: 'out\n', stderr: 'err\n' } }, ['warn out', 'warn err']],
    [{ failure: { exitCode: 2, stdout: 'out\n', stderr: 'err\n', command: 'npm test' } }, ['warn out', 'warn err']],
    [{ failure: { exitCode: 2, stdout: '', stderr: '' } }, ['warn exit code 2']],
    [{ rejected: { command: 'npm test', reason: 'Not allowed here' } }, ['warn Not allowed here']],
    [{ error: { errorMessage: 'File not found' } }, ['warn File not found']],
    [{ error: 'File not found' }, ['warn File not found']],
    [{ timeout: { command: 'npm test', timeoutMs: 5 } }, ['warn timeout: npm test']],
    [{ permissionDenied: {} }, ['warn permissionDenied']],
    [{ success: {} }, []],
    [undefined, []],
  ])('says of a tool that gave %j what it gave', (result, said) => {
    expect(lines(streamOf('cursor-agent'), completed(result))).toEqual(said);
  });

  it('thinks in whole lines, however small the pieces are that it tells', () => {
    const stream = streamOf('cursor-agent');
    const thinking = (text: string): string[] => lines(stream, { type: 'thinking', subtype: 'delta', text });
    expect([thinking('One'), thinking(' thought\nand'), thinking(' ano'), thinking('ther')].flat()).toEqual([
      'debug One thought',
    ]);
    expect(lines(stream, { type: 'thinking', subtype: 'completed' })).toEqual(['debug and another']);
    thinking('A last one');
    expect(lines(stream, completed({ success: { stdout: 'fine' } }))).toEqual(['debug A last one', 'debug fine']);
    thinking('And the end');
    expect(stream.end().map(({ level, text }) => `${level} ${text}`)).toEqual(['debug And the end']);
  });
});

describe('an agent that cannot do its work', () => {
  it.each([
    ['claude', 'rate-limited', 'rate_limited', 'Request rejected (429)'],
    ['claude', 'bad-key', 'auth', 'Invalid API key'],
    ['claude', 'signed-out', 'auth', 'Not logged in'],
    ['claude', 'overflow', 'context_overflow', 'Prompt is too long'],
    ['claude', 'no-credit', 'quota', 'Credit balance is too low'],
    ['claude', 'no-session', 'agent_error', 'No conversation found'],
    ['codex', 'usage-limit', 'quota', 'hit your usage limit'],
    ['codex', 'rate-limited', 'rate_limited', '429 Too Many Requests'],
    ['codex', 'bad-key', 'auth', '401 Unauthorized'],
    ['codex', 'overflow', 'context_overflow', 'ran out of room'],
    ['codex', 'no-quota', 'quota', 'Quota exceeded'],
    ['gemini', 'no-quota', 'quota', 'exhausted your daily quota'],
    ['gemini', 'bad-key', 'auth', 'API key not valid'],
    ['gemini', 'overflow', 'context_overflow', 'input token count'],
    ['opencode', 'rate-limited', 'rate_limited', 'Rate limit reached. Try again in 1 s.'],
    ['opencode', 'bad-key', 'auth', 'Incorrect API key'],
    ['opencode', 'overflow', 'context_overflow', 'maximum context length'],
    ['qwen', 'bad-key', 'auth', '401 Incorrect API key'],
    ['qwen', 'overflow', 'context_overflow', 'maximum context length'],
  ])('of %s: %s is %s, said once', (cli, run, reason, words) => {
    const { failure, lines } = heard(cli, run);
    expect(failure).toMatchObject({ reason, message: expect.stringContaining(words) });
    const first = words.replace(/ Try again.*/, '');
    expect(lines.filter(({ level, text }) => level === 'error' && text.includes(first))).toHaveLength(1);
  });

  it('says that it waits for its provider', () => {
    expect(heard('qwen', 'retrying').progress).toEqual([
      'The provider answered with an error; trying again in 60 s (1 of 10).',
    ]);
    expect(heard('claude', 'bad-key').progress[0]).toBe(
      'The provider answered with authentication_failed; trying again (1 of 1).',
    );
  });

  it('tells when the limit of a subscription ends', () => {
    const stream = streamOf('claude');
    const info = { status: 'rejected', resetsAt: 1_999_999_999, rateLimitType: 'five_hour' };
    stream.read(JSON.stringify({ type: 'rate_limit_event', rate_limit_info: info }));
    const message = { content: [{ type: 'text', text: "You've hit your limit · resets 3pm (UTC)" }] };
    stream.read(JSON.stringify({ type: 'assistant', message, error: 'rate_limit' }));
    stream.read(
      JSON.stringify({ type: 'result', subtype: 'success', is_error: true, result: message.content[0]?.text }),
    );
    expect(stream.facts.failure).toMatchObject({ reason: 'quota', at: 1_999_999_999_000 });
  });

  it('is forgiven what it overcame', () => {
    const stream = streamOf('codex');
    stream.read('{"type":"error","message":"Reconnecting... 1/5"}');
    stream.read('{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}');
    expect(stream.facts.failure).toBeNull();
  });
});

describe('a line that is no event', () => {
  it.each(['claude', 'codex', 'gemini', 'opencode', 'qwen', 'cursor-agent'])('of %s is output as it came', (cli) => {
    const lines = [
      'plain words',
      '{"type":"result","resu',
      '{"type":"of a later version","n":1}',
      '{}',
      '[1]',
      '{"a":',
    ];
    const stream = streamOf(cli);
    const before = stream.facts;
    for (const text of lines)
      expect(stream.read(text)).toEqual({ lines: [{ level: 'info', stream: 'stdout', text }], progress: null });
    expect(stream.facts).toEqual(before);
  });

  it.each(['claude', 'codex', 'gemini', 'opencode', 'qwen', 'cursor-agent'])(
    'and an event of %s with anything in place of what it should hold does no harm',
    (cli) => {
      const types = new Set<string>();
      for (const line of recordedStream(`${cli}-done`)) types.add((JSON.parse(line) as { type: string }).type);
      for (const type of types)
        for (const field of [
          'message',
          'item',
          'part',
          'event',
          'usage',
          'stats',
          'error',
          'tool_call',
          'content',
          'result',
        ])
          for (const value of [null, 7, 'text', [], [null], {}, { content: [null, 7, { type: 'text', text: 7 }] }])
            for (const more of [
              {},
              { subtype: 'init' },
              { role: 'assistant' },
              { is_error: true },
              { subtype: 'completed' },
            ]) {
              const event = JSON.stringify({ type, ...more, [field]: value });
              const { lines } = streamOf(cli).read(event);
              expect(lines.every(({ text }) => typeof text === 'string')).toBe(true);
            }
    },
  );
});

describe('texts that come in pieces', () => {
  const piece = (content: string): string =>
    JSON.stringify({ type: 'message', role: 'assistant', content, delta: true });

  it('are said line by line, the last when something else comes or nothing more', () => {
    const stream = streamOf('gemini');
    const texts = (line: string): string[] => stream.read(line).lines.map(({ text }) => text);
    expect(texts(piece('One li'))).toEqual([]);
    expect(texts(piece('ne\nand ano'))).toEqual(['One line']);
    expect(texts(piece('ther'))).toEqual([]);
    expect(texts('{"type":"tool_use","tool_name":"glob","parameters":{"pattern":"*"}}')).toEqual([
      'and another',
      'glob: *',
    ]);
    stream.read(piece('The end'));
    expect(stream.end().map(({ text }) => text)).toEqual(['The end']);
    expect(stream.facts.result).toBe('The end');
  });

  it('of tools are cut where they are long, which is said', () => {
    const output = 'x'.repeat(5000);
    const { lines } = streamOf('gemini').read(JSON.stringify({ type: 'tool_result', status: 'success', output }));
    expect(lines.map(({ text }) => text.length < 4100)).toEqual([true, true]);
    expect(lines[1]?.text).toBe('(1000 more characters of output are not kept)');
  });
});

it('a reader is that of the CLI which a command starts, by itself or within another program', () => {
  expect(readerOf(['/usr/local/bin/claude', '-p'])).toBe(readerOf(['claude']));
  expect(readerOf(['bwrap', '--dev-bind', '/', '/', 'codex', 'exec'])).toBe(readerOf(['codex']));
  expect(readerOf(['node', 'agent.js', 'constructor'])).toBeNull();
});
