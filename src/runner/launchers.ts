import { KNOWN_CLIS } from './cli-names.js';
import type { Isolation } from './isolation/isolation.js';
import { tryOut } from './isolation/try-out.js';
import type { Launcher } from './protocol.js';

/** How a known CLI does where agents run. */
export interface FoundCli {
  readonly name: string;
  readonly version: string | null;
  /** Whether it can be started there. */
  readonly runs: boolean;
}

/**
 * Those on the PATH of the agents, asked side by side. What one of them says goes out in one piece. The shell does it alone,
 * as that PATH may lead to nothing else.
 */
const VERSIONS = `
set -f
for name in "$@"; do
  command -v "$name" >/dev/null 2>&1 || continue
  echo "has $name"
  (
    text=$("$name" --version 2>/dev/null </dev/null)
    code=$?
    set -- $text
    printf 'said %s %s %.200s\\n' "$name" "$code" "$*"
  ) &
done
wait`;

/**
 * Says `yes` or `no` where a CLI tells exactly whether it is signed in, without asking its provider. Codex does not count
 * a key in the environment, and with a provider of one's own it needs no sign-in.
 */
const SIGNED_IN: Readonly<Record<string, string>> = {
  claude: `
    set -- $(claude auth status --json 2>/dev/null </dev/null)
    IFS=
    case "$*" in *'"loggedIn":true'*) echo yes ;; *'"loggedIn":false'*) echo no ;; esac`,
  codex: `
    config=$HOME/.codex/config.toml
    [ -e "$config" ] || config=/dev/null
    if [ -n "$CODEX_API_KEY" ]; then echo yes; elif said=$(codex login status 2>&1 </dev/null); then echo yes; else
      while IFS= read -r line || [ -n "$line" ]; do case $line in *model_provider*) said= ;; esac; done < "$config"
      case $said in *'Not logged in'*) echo no ;; esac
    fi`,
};

/** The first Claude Code that this was tried with: an early one would take `auth status` for a prompt. */
const CLAUDE_TELLS = [2, 1, 197] as const;

/** The known CLIs as agents will find them: tried in the isolation that agents run in. */
export async function findClis(isolation: Isolation, workerDirectory: string): Promise<FoundCli[]> {
  await isolation.lookAgain?.();
  const { lines } = await tryOut(isolation, workerDirectory, ['sh', '-c', VERSIONS, 'find', ...KNOWN_CLIS]);
  const said = new Map(
    lines.flatMap((line) => {
      const [, name = '', code = '', text = ''] = /^said (\S+) (\d+) (.*)$/.exec(line) ?? [];
      return name === '' ? [] : [[name, { code: Number(code), text }] as const];
    }),
  );
  return KNOWN_CLIS.filter((name) => lines.includes(`has ${name}`)).map((name) => {
    const { code = null, text = '' } = said.get(name) ?? {};
    const version = /\d+(?:\.\d+)+[\w.+-]*/.exec(text)?.[0]?.slice(0, 64) ?? null;
    // What a shell says of a program that is there and cannot be started, for want of what it is written for.
    return { name, version, runs: code !== 126 && code !== 127 };
  });
}

/** The launchers of this worker, as the server is told of them. */
export async function detectLaunchers(
  isolation: Isolation,
  workerDirectory: string,
  accounts: Readonly<Record<string, string>> = {},
): Promise<Launcher[]> {
  const launchers = await launchersFrom(isolation, workerDirectory, await findClis(isolation, workerDirectory));
  return launchers.map((launcher) => {
    const account = Object.hasOwn(accounts, launcher.name) ? accounts[launcher.name] : undefined;
    return account === undefined ? launcher : { ...launcher, account };
  });
}

/** Those of the CLIs that can be started, and whether they are signed in. */
export async function launchersFrom(
  isolation: Isolation,
  workerDirectory: string,
  found: readonly FoundCli[],
): Promise<Launcher[]> {
  const running = found.filter(({ runs }) => runs);
  const signedIn = await signedInOf(isolation, workerDirectory, running);
  return running.map(({ name, version }) => ({ name, version, signed_in: signedIn.get(name) ?? null }));
}

async function signedInOf(
  isolation: Isolation,
  workerDirectory: string,
  found: readonly FoundCli[],
): Promise<ReadonlyMap<string, boolean>> {
  const asked = found.filter(
    ({ name, version }) => Object.hasOwn(SIGNED_IN, name) && (name !== 'claude' || tells(version)),
  );
  if (asked.length === 0) return new Map();
  const parts = asked.map(({ name }) => `( answer=$(${SIGNED_IN[name] ?? ''}); echo "is ${name} $answer" ) &`);
  const { lines } = await tryOut(isolation, workerDirectory, ['sh', '-c', ['set -f', ...parts, 'wait'].join('\n')]);
  return new Map(
    lines.flatMap((line) => {
      const [, name = '', answer = ''] = /^is (\S+) (yes|no)$/.exec(line) ?? [];
      return name === '' ? [] : [[name, answer === 'yes'] as const];
    }),
  );
}

function tells(version: string | null): boolean {
  const parts = (version ?? '').split('.').map(Number);
  const differing = CLAUDE_TELLS.findIndex((part, index) => part !== parts[index]);
  return differing === -1 || (parts[differing] ?? 0) > (CLAUDE_TELLS[differing] ?? 0);
}
