import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { joinCommand, joinScript } from '../src/downloads/join-script.js';
import { VERSION } from '../src/version.js';
import { CLI_FILE, Machine } from './command-line.js';
import { RawConnection } from './raw-http.js';
import { startTestApp, type TestApp } from './test-app.js';

const PUBLIC_URL = 'https://miyabi.example.org/fleet';

let server: TestApp;
/** One that is told by what address it is reached. */
let named: TestApp;
let machine: Machine;

beforeAll(async () => {
  server = await startTestApp({ ALLOWED_HOSTS: '*' });
  named = await startTestApp({ PUBLIC_URL, ALLOWED_HOSTS: '10.0.0.5' }, server);
  machine = new Machine();
});
afterAll(async () => {
  await machine.remove();
  await named.close();
  await server.close();
});

/** The script as it is answered to who names the host. */
async function scriptFor(host: string, on = named): Promise<string> {
  const connection = await RawConnection.open(on.url);
  connection.send(`GET /join.sh HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const answer = await connection.answer();
  connection.end();
  expect(answer?.status).toBe(200);
  return answer!.body;
}
const originOf = (script: string): string => /^ {2}origin='(.*)'$/m.exec(script)?.[1] ?? '';

describe('the download', () => {
  it('is the command line of this very server, and is not fetched twice', async () => {
    const answer = await fetch(`${server.url}/downloads/miyabi.mjs`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(bytes.equals(readFileSync(CLI_FILE))).toBe(true);
    const etag = answer.headers.get('etag') ?? '';
    // Not by fetch, which then asks for a fresh one in any case.
    await server.request.get('/downloads/miyabi.mjs').set('If-None-Match', etag).expect(304);
    const head = await fetch(`${server.url}/downloads/miyabi.mjs`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(etag).toBe(`"${sha256}"`);
    expect(await (await fetch(`${server.url}/join.sh`)).text()).toContain(`sha256='${sha256}'`);
  });

  it('runs alone in a directory without packages', async () => {
    expect(await machine.run(['--version'])).toEqual({
      code: 0,
      stdout: `${VERSION} (worker protocol 1)\n`,
      stderr: '',
    });
  });
});

describe('the script', () => {
  it('is kept by no cache, and is one that every POSIX shell reads', async () => {
    const answer = await fetch(`${server.url}/join.sh`);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toBe('text/x-shellscript; charset=utf-8');
    const script = await answer.text();
    for (const shell of ['sh', 'bash', 'dash'].filter((name) => spawnSync(name, ['-c', ':']).status === 0))
      execFileSync(shell, ['-n'], { input: script });
  });

  it('names the address that it was asked under, or the public one', async () => {
    expect(originOf(await scriptFor('10.0.0.5:8080'))).toBe('http://10.0.0.5:8080');
    expect(originOf(await scriptFor('miyabi.example.org'))).toBe(PUBLIC_URL);
    expect(originOf(await scriptFor('MIYABI.example.org'))).toBe(PUBLIC_URL);
    expect(originOf(await scriptFor('build.lan:80', server))).toBe('http://build.lan:80');
    expect(originOf(await scriptFor('[fd00::5]:8080', server))).toBe('http://[fd00::5]:8080');
  });

  it('believes no host that means something to a shell', async () => {
    for (const host of ["x';touch${IFS}canary;'", '$(touch${IFS}canary)', 'x`touch${IFS}canary`', 'a..b/..', '', '-x'])
      expect([host, originOf(await scriptFor(host, server))]).toEqual([host, server.url]);
  });

  it('stays one script with one address, whatever the public one looks like', () => {
    const hostile = "https://x/'$(touch canary)`touch canary`";
    const script = joinScript(hostile, 'aa');
    const { status, stderr } = spawnSync('sh', ['-s'], { input: script, cwd: machine.home, encoding: 'utf8', env: {} });
    expect([status, stderr]).toEqual([1, expect.stringContaining('MIYABI_JOIN_TOKEN is not set')]);
    expect(existsSync(join(machine.home, 'canary'))).toBe(false);
    expect(joinCommand(hostile, 't')).toContain(`'https://x/'\\''$(touch canary)`);
  });

  it('does nothing when half of it arrives', async () => {
    const script = await scriptFor('localhost', server);
    for (const share of [0.2, 0.5, 0.8, 0.99]) {
      const half = script.slice(0, Math.floor(script.length * share));
      spawnSync('sh', ['-s'], { input: half, cwd: machine.home, env: { ...process.env, HOME: machine.home } });
    }
    expect(readdirSync(machine.home)).toEqual([]);
  });
});

describe('a machine that runs the script', () => {
  /** A PATH with these programs alone; what is a text is a script in its place. */
  function pathWith(name: string, programs: Record<string, string | null>): string {
    const directory = join(machine.path, name);
    mkdirSync(directory, { recursive: true });
    for (const [program, script] of Object.entries(programs)) {
      const file = join(directory, program);
      if (script === null) symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), file);
      else {
        writeFileSync(file, script);
        chmodSync(file, 0o755);
      }
    }
    return directory;
  }
  const TOOLS = { sh: null, mkdir: null, mv: null, rm: null, cat: null };
  const node = { node: `#!/bin/sh\nexec '${process.execPath}' "$@"\n` };

  const refusals: [string, Record<string, string | null>, Record<string, string>, string][] = [
    [
      'no token',
      { ...TOOLS, ...node, git: null, curl: null },
      { MIYABI_JOIN_TOKEN: '' },
      'MIYABI_JOIN_TOKEN is not set',
    ],
    ['no Node.js', { ...TOOLS, git: null, curl: null }, {}, 'Node.js is missing'],
    [
      'an old Node.js',
      { ...TOOLS, git: null, curl: null, node: '#!/bin/sh\n[ "$1" = --version ] && echo v18.0.0\nexit 1\n' },
      {},
      'Node.js 20 or newer is needed; this is v18.0.0.',
    ],
    ['no git', { ...TOOLS, ...node, curl: null }, {}, 'git is missing'],
    ['neither curl nor wget', { ...TOOLS, ...node, git: null }, {}, 'curl or wget is needed'],
    ['no home', { ...TOOLS, ...node, git: null, curl: null }, { HOME: '' }, 'HOME is not set'],
  ];
  it.each(refusals)('is told what to do about %s', async (what, programs, variables, message) => {
    const script = await scriptFor('localhost', server);
    const PATH = pathWith(what, programs);
    const env = { PATH, HOME: machine.home, MIYABI_JOIN_TOKEN: 'myj_x', ...variables };
    const { status, stderr } = spawnSync('/bin/sh', ['-s'], { input: script, env, encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(readdirSync(machine.home)).toEqual([]);
  });

  it('keeps nothing of a download that is not what the script says', async () => {
    const { sha256 } = /sha256='(?<sha256>\w+)'/.exec(await scriptFor('localhost', server))!.groups as {
      sha256: string;
    };
    const line = `MIYABI_JOIN_TOKEN=myj_x sh`;
    const script = joinScript(server.url, sha256.replace(/^../, 'ff'));
    writeFileSync(join(machine.path, 'wrong.sh'), script);
    const said = await machine.shell(`cat '${join(machine.path, 'wrong.sh')}' | ${line}`).ended;
    expect([said.code, said.stderr]).toEqual([1, expect.stringContaining('The download is not what')]);
    expect(readdirSync(join(machine.home, '.local', 'share', 'miyabi'))).toEqual([]);
  });

  it.each(['curl -fsSL', 'wget -qO-'])('fetches it with what there is: %s', async (fetcher) => {
    const [program = ''] = fetcher.split(' ');
    const PATH = pathWith(`with ${program}`, { ...TOOLS, ...node, git: null, [program]: null });
    const HOME = join(machine.path, `home of ${program}`);
    mkdirSync(HOME);
    const line = `${fetcher} ${server.url}/join.sh | MIYABI_JOIN_TOKEN=myj_wrong sh`;
    const { code, stderr } = await machine.shell(line, { PATH, HOME, ALLOW_ISOLATION_NONE: 'on' }).ended;
    expect(stderr).toContain(`miyabi: ${VERSION} (worker protocol 1), joining ${server.url}`);
    // Joined with nothing that lets it in, it says so.
    expect([code, stderr]).toEqual([1, expect.stringContaining('The server does not accept MIYABI_JOIN_TOKEN.')]);
    const file = join(HOME, '.local', 'share', 'miyabi', 'miyabi.mjs');
    expect(readFileSync(file).equals(readFileSync(CLI_FILE))).toBe(true);
  });
});
