/** A POSIX shell reads it as one word, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * One line to paste. The token stands in no address and in no argument, which every account of the machine could read;
 * what the shell's history keeps of it is worth nothing once it is used.
 */
export function joinCommand(origin: string, token: string, words: readonly string[] = []): string {
  const address = `${origin}/join.sh`;
  const word = /^[\w.~:/[\]-]+$/.test(address) && !address.includes('[') ? address : quoted(address);
  const rest = words.length === 0 ? '' : ` -s -- ${words.join(' ')}`;
  return `curl -fsSL ${word} | MIYABI_JOIN_TOKEN=${token} sh${rest}`;
}

/**
 * What a machine runs to join: fetches the command line from this very server, compares it with `sha256`, and becomes a
 * worker, or with the argument `coordinator` a host of several. It stands in a function, so that half a script does nothing.
 * Other arguments go to `miyabi worker` or `miyabi coordinator`.
 */
export const joinScript = (origin: string, sha256: string): string => `#!/bin/sh
# Makes this machine a worker of ${origin.replace(/[^\x20-\x7e]/g, '')}
#
#   curl -fsSL <address>/join.sh | MIYABI_JOIN_TOKEN=<token> sh
#   wget -qO- <address>/join.sh | MIYABI_JOIN_TOKEN=<token> sh -s -- --name build-7
#   curl -fsSL <address>/join.sh | MIYABI_JOIN_TOKEN=<token for a coordinator> sh -s -- coordinator --workers 4
#
# What it fetches goes to MIYABI_HOME (default: ~/.local/share/miyabi). Later, on this machine:
#
#   node ~/.local/share/miyabi/miyabi.mjs worker          (or coordinator)
set -eu

miyabi_join() {
  origin=${quoted(origin)}
  sha256=${quoted(sha256)}

  fail() {
    printf 'miyabi: %s\\n' "$1" >&2
    exit 1
  }

  [ -n "\${MIYABI_JOIN_TOKEN:-}" ] || fail 'MIYABI_JOIN_TOKEN is not set. Make a token with "miyabi workers invite" or POST /api/v1/workers/join-tokens, and paste the whole command.'
  command -v node >/dev/null 2>&1 || fail 'Node.js is missing. Install version 20 or newer: https://nodejs.org/en/download'
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
    fail "Node.js 20 or newer is needed; this is $(node --version)."
  command -v git >/dev/null 2>&1 || fail 'git is missing. Install it with the package manager of this machine.'
  command -v curl >/dev/null 2>&1 || command -v wget >/dev/null 2>&1 || fail 'curl or wget is needed for the download.'
  [ -n "\${MIYABI_HOME:-}\${XDG_DATA_HOME:-}\${HOME:-}" ] || fail 'HOME is not set; say with MIYABI_HOME where the files shall go.'

  home=\${MIYABI_HOME:-\${XDG_DATA_HOME:-\${HOME:-}/.local/share}/miyabi}
  umask 077
  mkdir -p "$home"
  file=$home/miyabi.mjs
  part=$file.$$
  trap 'rm -f "$part"' EXIT
  trap 'exit 1' HUP INT TERM

  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 3 -o "$part" "$origin/downloads/miyabi.mjs" || fail "The download from $origin failed."
  else
    wget -q -O "$part" "$origin/downloads/miyabi.mjs" || fail "The download from $origin failed."
  fi
  found=$(node -e 'const { createHash } = require("crypto"); process.stdout.write(createHash("sha256").update(require("fs").readFileSync(process.argv[1])).digest("hex"))' "$part")
  [ "$found" = "$sha256" ] || fail "The download is not what $origin said it would be (sha256 $found). Paste the command again."
  mv -f "$part" "$file"
  trap - EXIT HUP INT TERM

  printf 'miyabi: %s, joining %s\\n' "$(node "$file" --version)" "$origin" >&2
  export MIYABI_JOIN_TOKEN
  case \${1:-} in worker | coordinator) ;; *) set -- worker "$@" ;; esac
  MIYABI_URL=$origin exec node "$file" "$@" </dev/null
}

miyabi_join "$@"
`;
