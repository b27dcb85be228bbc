import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { environment } from '../config/environment.js';
import { newId } from '../ids.js';

/**
 * Settings of every git process, given in its environment: they win over the configuration of any repository
 * and hold for mirrors made by earlier versions too.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  // No repository gets to name a program to run.
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.alternateRefsCommand': 'true',
  'credential.helper': '',
  // Git's own clean-up runs when the mirror's lock is held, never as a side effect.
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'receive.autogc': 'false',
  'receive.fsckObjects': 'true',
  'receive.denyDeletes': 'true',
  'receive.denyNonFastForwards': 'true',
  'receive.maxInputSize': String(2 * 1024 ** 3),
  'uploadpack.allowAnySHA1InWant': 'false',
  'fetch.fsckObjects': 'true',
  // Old warts that honest histories carry; what could harm a checkout (.gitmodules, paths) stays an error.
  ...Object.fromEntries(
    [
      'zeroPaddedFilemode',
      'badTimezone',
      'badDate',
      'badDateOverflow',
      'missingSpaceBeforeDate',
      'missingSpaceBeforeEmail',
      'missingNameBeforeEmail',
      'missingEmail',
      'badEmail',
      'badName',
      'multipleAuthors',
      'missingTaggerEntry',
      'nulInCommit',
    ].flatMap((wart) => ['fetch.fsck', 'fsck'].map((when) => [`${when}.${wart}`, 'ignore'])),
  ),
  'http.lowSpeedLimit': '1',
  'http.lowSpeedTime': '60',
};

/** Host facts that a network transport may need; nothing else of the server's environment reaches git. */
const PASSED = [
  'PATH',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'SSH_AUTH_SOCK',
  'TMPDIR',
];

export interface EnvironmentOptions {
  /** Transports this call may use, as git names them. Default: none. */
  protocols?: readonly string[];
  /** Further settings of this call. */
  settings?: Readonly<Record<string, string>>;
  /** Wire protocol that the client asked for: `version=1` or `version=2`. */
  wire_protocol?: string | null;
  /** Git looks for a repository no higher than below this directory. */
  ceiling?: string;
}

/** The whole environment of a git process. */
export function gitEnvironment(home: string, options: EnvironmentOptions = {}): Record<string, string> {
  const passed = PASSED.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const authorities = environment['SSL_CERT_FILE'];
  const settings = Object.entries({
    ...SETTINGS,
    // Not every TLS library that git is built with reads the variable itself.
    ...(authorities !== undefined && { 'http.sslCAInfo': authorities }),
    ...options.settings,
  });
  return {
    ...Object.fromEntries(passed),
    HOME: home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: configFile(home),
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    // Into a pipe git else writes each commit by itself: a walk takes half as long again, and who reads it far longer.
    GIT_FLUSH: '0',
    GIT_ALLOW_PROTOCOL: options.protocols?.join(':') ?? 'none',
    GIT_SSH_COMMAND:
      'ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=15 -oServerAliveInterval=20 -oServerAliveCountMax=3 -oForwardAgent=no',
    ...(options.wire_protocol ? { GIT_PROTOCOL: options.wire_protocol } : {}),
    ...(options.ceiling === undefined ? {} : { GIT_CEILING_DIRECTORIES: options.ceiling }),
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${String(index)}`, key],
        [`GIT_CONFIG_VALUE_${String(index)}`, value],
      ]),
    ),
  };
}

const configFile = (home: string): string => join(home, 'config');

// A local fetch drops the settings above before it starts the other side (git's `local_repo_env`), so that the
// permission to read repositories of other accounts can only come from a file.
const CONFIG = '[safe]\n\tdirectory = *\n';

/** Makes the directory that stands in for a home directory: nothing in it but the one setting. */
export async function prepareHome(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const present = await readFile(configFile(home), 'utf8').catch(() => '');
  if (present === CONFIG) return;
  const draft = `${configFile(home)}.${newId()}`;
  await writeFile(draft, CONFIG, { mode: 0o600 });
  await rename(draft, configFile(home));
}
