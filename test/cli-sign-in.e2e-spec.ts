import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Machine } from './command-line.js';
import { caller, ownerOfNew, type Member } from './memberships.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let ada: Member;
let machine: Machine;

beforeAll(async () => {
  server = await startTestApp();
  ada = await ownerOfNew(server);
  machine = new Machine({ MIYABI_URL: server.url });
});
afterAll(async () => {
  await machine.remove();
  await server.close();
});

const credentials = () => join(machine.home, '.config', 'miyabi', 'credentials.json');
const person = (...args: string[]) => machine.run(args);

describe('a person', () => {
  it('signs in through a browser, and nobody else can read the tokens', async () => {
    const signingIn = machine.start(['login']);
    await signingIn.says('compare the code: ');
    const user_code = /compare the code: (\S+)/.exec(signingIn.stderr)?.[1];
    await caller(server, ada.token).post('auth/device/approve', { user_code }).expect(200);
    const { code, stdout } = await signingIn.ended;
    expect([code, stdout]).toEqual([0, `Signed in to ${server.url} as ${ada.user.login}.\n`]);
    expect(statSync(credentials()).mode & 0o777).toBe(0o600);
    // The server is the one that was signed in to.
    expect((await machine.run(['tasks', 'list'], { MIYABI_URL: '' })).code).toBe(0);
    expect((await person('doctor')).stdout).toContain(`signed in: as ${ada.user.login}, owner of `);
  });

  it('stays signed in when many commands find the token expired at once', async () => {
    const stored = JSON.parse(readFileSync(credentials(), 'utf8')) as {
      servers: Record<string, { access_expires_at: number; refresh_token: string }>;
    };
    const before = stored.servers[server.url]!.refresh_token;
    stored.servers[server.url]!.access_expires_at = 0;
    writeFileSync(credentials(), JSON.stringify(stored));
    const found = await Promise.all(Array.from({ length: 6 }, () => person('tasks', 'list', '--limit', '1')));
    expect(found.map(({ code, stderr }) => [code, stderr])).toEqual(
      found.map(() => [0, expect.not.stringContaining('miyabi:')]),
    );
    const after = readFileSync(credentials(), 'utf8');
    expect(after).not.toContain(before);
    expect(statSync(credentials()).mode & 0o777).toBe(0o600);
  });

  it('runs a worker without being invited', async () => {
    const variables = { ALLOW_ISOLATION_NONE: 'on', DISK_MIN_FREE: '0' };
    const working = machine.start(['worker', '--name', 'laptop', '--labels', 'near,fast'], variables);
    await working.says('registered');
    const { items } = (await caller(server, ada.token).get('workers?label=near').expect(200)).body as {
      items: { name: string; labels: string[] }[];
    };
    expect(items).toMatchObject([{ name: 'laptop', labels: ['near', 'fast'] }]);
    working.child.kill('SIGTERM');
    expect((await working.ended).code).toBe(0);
    expect(existsSync(join(machine.home, '.local/share/miyabi/worker/membership.json'))).toBe(true);
  });

  it('signs out, here and on the server', async () => {
    const { access_token } = (
      JSON.parse(readFileSync(credentials(), 'utf8')) as { servers: Record<string, { access_token: string }> }
    ).servers[server.url]!;
    expect(await person('logout')).toEqual({ code: 0, stdout: `Signed out of ${server.url}.\n`, stderr: '' });
    expect(readFileSync(credentials(), 'utf8')).not.toContain('access_token');
    await caller(server, access_token).get('auth/me').expect(401);
    expect((await person('tasks', 'list')).code).toBe(4);
  });
});
