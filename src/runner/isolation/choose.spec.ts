import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { obstacleTo, settingsOf } from '../../../test/isolation-levels.js';
import { loadRunnerSettings } from '../../config/runner.config.js';
import { newId } from '../../ids.js';
import { runAgent, type AgentEnd } from '../agent-process.js';
import { ExecutionDirectory } from '../execution-directory.js';
import { give, NOBODY } from './account.js';
import { chooseIsolation, type Chosen } from './choose.js';
import type { Isolation } from './isolation.js';

const never = new AbortController().signal;
const OBSTACLE = await obstacleTo('namespace');

describe('chooseIsolation', () => {
  let root: string;
  beforeEach(async () => {
    // Where a home may be, which it may not below the devices.
    root = await realpath(await mkdtemp('/tmp/isolation "of" $agents '));
    await mkdir(join(root, 'home', '.codex'), { recursive: true });
    await writeFile(join(root, 'home', '.codex', 'auth.json'), 'signed in');
    await writeFile(join(root, 'home', 'diary'), 'private');
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const choose = (environment: Record<string, string>): Promise<Chosen> => {
    const address = { MIYABI_URL: 'http://127.0.0.1:1', MIYABI_KEY: 'none' };
    const own = { NODE_ENV: 'production', PATH: process.env['PATH'], HOME: join(root, 'home') };
    return chooseIsolation(loadRunnerSettings({ ...own, ...address, ...environment }), join(root, 'worker'));
  };

  /** With `dropping` in front the worker is an ordinary account, as far as the system can tell. */
  async function run(
    isolation: Isolation,
    script: string,
    program = 'sh',
    dropping: readonly string[] = [],
  ): Promise<{ end: AgentEnd; said: string[] }> {
    const directory = ExecutionDirectory.of(join(root, 'worker'), newId());
    await directory.create();
    await mkdir(directory.checkout, { mode: 0o700 });
    await isolation.admit(directory);
    if (dropping.length > 0) await give([root], NOBODY.uid, NOBODY.gid);
    const started = isolation.command([program, '-c', script], directory);
    const said: string[] = [];
    try {
      const end = await runAgent({
        ...started,
        argv: [...dropping, ...started.argv] as unknown as typeof started.argv,
        checkout: directory.checkout,
        directory: directory.path,
        executionId: directory.executionId,
        taskId: newId(),
        variables: {},
        graceMs: 0,
        onLines: (_, lines) => Promise.resolve(void said.push(...lines)),
        onStart: () => Promise.resolve(),
        signal: never,
        hurry: never,
      });
      return { end, said };
    } finally {
      await isolation.reclaim(directory);
      for (const name of ['home', 'tmp', 'root']) expect(existsSync(join(directory.path, name))).toBe(false);
      expect((await stat(directory.checkout)).uid).toBe(process.getuid?.());
    }
  }

  it('refuses to run agents without isolation in production, unless that is allowed by name', async () => {
    const none = { AGENT_ISOLATION: 'none' };
    await expect(choose(none)).rejects.toThrow('none: ALLOW_ISOLATION_NONE is off');
    expect((await choose({ ...none, ALLOW_ISOLATION_NONE: 'on' })).isolation.level).toBe('none');
    expect((await choose({ ...none, NODE_ENV: 'development' })).isolation.level).toBe('none');
  });

  it('does not replace what the operator named', async () => {
    const allowed = { ALLOW_ISOLATION_NONE: 'on' };
    const unknown = choose({ ...allowed, AGENT_USER: 'no-such-account' });
    await expect(unknown).rejects.toThrow(/uid: (there is no account|only a worker that is root)/);
    await expect(choose({ ...allowed, AGENT_SANDBOX: 'no-such-wrapper' })).rejects.toThrow(
      'wrapper: There is no program',
    );
    await expect(choose({ ...allowed, AGENT_ISOLATION: 'wrapper' })).rejects.toThrow('AGENT_SANDBOX names no command');
  });

  it('refuses root as the account of agents', async () => {
    await expect(choose({ AGENT_USER: 'root' })).rejects.toThrow(/is root|only a worker that is root/);
  });

  it('refuses a wrapper that keeps nothing from the agent', async () => {
    await expect(choose({ AGENT_SANDBOX: 'env' })).rejects.toThrow("agents in it can read the worker's own files");
  });

  it('leaves nothing of what it tried', async () => {
    await choose({ AGENT_ISOLATION: 'none', ALLOW_ISOLATION_NONE: 'on' });
    await choose({ AGENT_SANDBOX: 'env' }).catch(() => undefined);
    expect(await readdir(join(root, 'worker', 'probes'))).toEqual([]);
  });

  it('runs the end command of a wrapper once the agent is over', async () => {
    if ((await obstacleTo('wrapper')) !== null) return;
    const ended = join(root, 'ended');
    const variables = {
      ...settingsOf('wrapper', [join(root, 'worker')]),
      AGENT_SANDBOX_END: JSON.stringify(['touch', ended]),
    };
    await mkdir(join(root, 'worker'), { recursive: true });
    const { isolation } = await choose(variables);
    await rm(ended, { force: true });
    await run(isolation, 'true');
    expect(existsSync(ended)).toBe(true);
  });

  if (OBSTACLE !== null) {
    it(`has no namespaces on this machine: ${OBSTACLE}`, () => {
      expect(OBSTACLE).toMatch(/has no namespaces|Operation not permitted|no program/);
    });
    return;
  }

  it('takes namespaces where nothing else is named', async () => {
    expect((await choose({})).isolation.level).toBe('namespace');
  });

  it('shows an agent in namespaces the system, its checkout and a home with copies of its sign-in', async () => {
    const { isolation } = await choose({});
    const { said, end } = await run(
      isolation,
      'cat ~/.codex/auth.json; echo; ls -A ~; ls -A /tmp; echo x > ~/x > /tmp/x; pwd; exit 7',
    );
    expect(said.slice(0, 2)).toEqual(['signed in', '.codex']);
    expect(said.at(-1)).toMatch(/checkout$/);
    expect(end.exitCode).toBe(7);
    expect(await readdir(join(root, 'home'))).toEqual(['.codex', 'diary']);
  });

  it('brings the sign-in of a home that cannot be one inside', async () => {
    const home = await mkdtemp('/dev/shm/home ');
    try {
      await mkdir(join(home, '.codex'));
      await writeFile(join(home, '.codex', 'auth.json'), 'signed in as well');
      const { isolation } = await choose({ HOME: home });
      const { said } = await run(isolation, 'cat ~/.codex/auth.json; echo; echo ~');
      expect(said).toEqual(['signed in as well', '/home/agent']);
    } finally {
      await rm(home, { recursive: true });
    }
  });

  it('lets it write nowhere else, and see nothing else', async () => {
    const { isolation } = await choose({});
    const { said } = await run(
      isolation,
      `touch /usr/x /etc/x /x /opt/x /dev/x 2>/dev/null || echo refused; ls '${root}'; ls -d /root/* /home/*/.* /var /run /mnt /srv 2>/dev/null; set -- /proc/[0-9]*; echo $#`,
    );
    expect(said[0]).toBe('refused');
    expect(said).not.toContain('diary');
    // Its own, and the first one of the namespace.
    expect(Number(said.at(-1))).toBeLessThan(5);
    expect(said.filter((line) => line.startsWith('/'))).toEqual([]);
  });

  it('cannot be undone from within', async () => {
    const { isolation } = await choose({});
    const { said } = await run(
      isolation,
      'mount -o remount,rw,bind /usr; umount /usr; unshare --user --map-root-user --mount mount -o remount,rw,bind /usr; cat /proc/1/environ; ls /proc/1/root/; touch /usr/x && echo done; grep -E "CapPrm|NoNewPrivs" /proc/self/status',
    );
    expect(said).not.toContain('done');
    expect(said.slice(-2).map((line) => line.replace(/\s+/, ' '))).toEqual([
      'CapPrm: 0000000000000000',
      'NoNewPrivs: 1',
    ]);
    expect(said.join('\n')).not.toContain('PATH=');
  });

  it('is the same where the worker is an ordinary account, which gets there by a user namespace', async () => {
    const { getuid, getgid } = process;
    const isRoot = getuid?.() === 0;
    const drop = `--reuid=${String(NOBODY.uid)} --regid=${String(NOBODY.gid)} --clear-groups --`;
    const dropping = isRoot ? ['/usr/bin/setpriv', ...drop.split(' ')] : [];
    if (isRoot) Object.assign(process, { getuid: () => NOBODY.uid, getgid: () => NOBODY.gid });
    try {
      const { isolation } = await choose({ PATH: '/usr/bin:/bin' });
      expect(isolation.means).toBe('user, mount and PID namespaces');
      const { said, end } = await run(
        isolation,
        `cat ~/.codex/auth.json; echo; id -u; touch /usr/x /etc/x /x 2>/dev/null || echo refused; ls '${root}' 2>/dev/null; echo x > x && echo > ~/x && echo > /tmp/x && echo written
         mount -o remount,rw,bind /usr; umount /usr; unshare --user --map-root-user --mount mount -o remount,rw,bind /usr; touch /usr/x && echo undone; set -- /proc/[0-9]*; [ $# -lt 5 ] && echo alone; grep -E "CapPrm|NoNewPrivs" /proc/self/status; exit 7`,
        'sh',
        dropping,
      );
      const lines = said.filter((line) => !/mount|unshare|touch/.test(line)).map((line) => line.replace(/\s+/, ' '));
      expect(lines).toEqual([
        ...['signed in', String(process.getuid?.()), 'refused', 'home', 'worker', 'written', 'alone'],
        ...['CapPrm: 0000000000000000', 'NoNewPrivs: 1'],
      ]);
      expect(end.exitCode).toBe(7);
    } finally {
      Object.assign(process, { getuid, getgid });
    }
  });

  it('tells a missing program from one that fails', async () => {
    const { isolation } = await choose({});
    await expect(run(isolation, '', 'no-such-program')).rejects.toMatchObject({
      reason: 'agent_missing',
      message: 'There is no program no-such-program where agents run.',
    });
    expect((await run(isolation, 'exit 127')).end.exitCode).toBe(127);
  });

  it('adds and hides the paths it is told to', async () => {
    const [shown, shared] = [join(root, 'shown 404\\1 %s'), join(root, 'shared 7')];
    for (const path of [shown, shared]) {
      await mkdir(path);
      await writeFile(join(path, 'file'), path);
      await chmod(path, 0o777);
    }
    const { isolation } = await choose({ AGENT_READABLE: shown, AGENT_WRITABLE: shared, AGENT_HIDDEN: '/usr/share' });
    await chmod(root, 0o755);
    const { said } = await run(
      isolation,
      `cat '${shown}/file'; echo; touch '${shown}/x' || echo refused; echo x > '${shared}/x' && echo taken; ls /usr/share`,
    );
    expect(said.filter((line) => !line.startsWith('touch'))).toEqual([shown, 'refused', 'taken']);
    await expect(choose({ AGENT_READABLE: root })).rejects.toThrow('is no path of its own');
  });
});
