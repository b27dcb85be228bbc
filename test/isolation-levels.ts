import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRunnerSettings } from '../src/config/runner.config.js';
import { chooseIsolation } from '../src/runner/isolation/choose.js';
import type { IsolationLevel } from '../src/runner/isolation/isolation.js';
import type { Variables } from './processes.js';

export const LEVELS: readonly IsolationLevel[] = ['uid', 'namespace', 'wrapper', 'none'];

/**
 * A wrapper as an operator might write one: some directories are gone, except for the checkout in one of them, and so are
 * the processes of others.
 */
const HIDING = `set -e
before=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
checkout=$1
shift
exec 9< "$checkout"
while [ "$1" != run ]; do mount -t tmpfs none "$1"; shift; done
shift
mkdir -p "$checkout"
mount -c --bind /proc/self/fd/9 "$checkout"
cd "$checkout"
exec 9<&-
set +e
PATH=$before
trap : TERM
"$@"
exit $?`;

const wrapper = (hidden: readonly string[]): string[] => [
  ...['/usr/bin/unshare', '--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
  ...['--', '/bin/sh', '-c', HIDING, 'wrapper', '{checkout}', ...hidden, 'run'],
];

/** Settings of a worker that runs agents at a level; the wrapper hides what it is told to. */
export const settingsOf = (level: IsolationLevel, hidden: readonly string[]): Variables => ({
  AGENT_ISOLATION: level,
  AGENT_USER: level === 'uid' ? 'nobody' : '',
  AGENT_SANDBOX: level === 'wrapper' ? JSON.stringify(wrapper(hidden)) : '',
});

/** Why a level cannot be had on this machine; null when it can. */
export async function obstacleTo(level: IsolationLevel): Promise<string | null> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'isolation-')));
  try {
    const fixed = { NODE_ENV: 'test', PATH: process.env['PATH'], MIYABI_URL: 'http://127.0.0.1:1', MIYABI_KEY: 'none' };
    await chooseIsolation(loadRunnerSettings({ ...fixed, ...settingsOf(level, [directory]) }), directory);
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
