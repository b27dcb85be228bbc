import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A place where a file appears if anything that was sent is ever run. Its path has no blanks. */
export interface Trap {
  directory: string;
  /** A command that leaves a file there. */
  command: (name: string) => string;
}

const LONG = 5000;

/** Names of references that try to be options, commands, expressions or other paths. */
export const hostileRefs = ({ command }: Trap): string[] => {
  const run = command('ref');
  const spaceless = run.replaceAll(' ', '${IFS}');
  return [
    ...['--upload-pack=', '--exec=', '--receive-pack=', '-u', '--output=', '-o'].map((option) => option + run),
    ...['--all', '--help', '-h', '--version', '-', '--', '-c', '--stdin', '--batch', '--paginate', '--git-dir=/'],
    ...[`$(${run})`, `\`${run}\``, `;${run}`, `|${run}`, `&&${run}`, `main;${run}`, `"$(${run})"`, `'$(${run})'`],
    ...[`$(${spaceless})`, `\`${spaceless}\``, `main|${spaceless}`, `refs/heads/$(${spaceless})`],
    ...['main^{/x}', 'main@{upstream}', '@{-1}', ':/feat', ':0:x', 'main..HEAD', '^main', 'main~99999999999', 'HEAD:x'],
    ...[
      '../../HEAD',
      '/etc/passwd',
      'refs/../../config',
      `${'a/'.repeat(LONG / 2)}a`,
      'main\n--all',
      'main\u0000x',
      ' ',
    ],
  ];
};

/** Addresses that name programs, options, or places nobody should be led to. */
export const hostileAddresses = ({ command }: Trap): string[] => {
  const run = command('address');
  return [
    ...[`ext::sh -c ${run.replaceAll(' ', '% ')}`, `ext::${run}`, 'fd::0', 'foo::bar', `transport::${run}`],
    ...[`--upload-pack=${run}`, `-u${run}`, `--config=core.sshCommand=${run}`, '-', '--'],
    ...[`ssh://-oProxyCommand=${run.replaceAll(' ', '%20')}/x`, `ssh://-oProxyCommand=x@127.0.0.1/x`],
    ...[`-oProxyCommand=${run}:x`, `git@-oProxyCommand=${run}:x`, `ssh://git@127.0.0.1/--upload-pack=${run}`],
    ...[`git@127.0.0.1:$(${run})`, `ssh://git@127.0.0.1:1/\`${run}\``, `https://127.0.0.1:1/$(${run})`],
    ...['file:///etc', 'file://localhost/etc', 'file:///proc/self/root', '/etc/passwd', '../..', '~root'],
    ...[
      `https://127.0.0.1:1/x\n--upload-pack=${run}`,
      'https://127.0.0.1:1/x\u0000y',
      `https://a.invalid/${'x'.repeat(LONG)}`,
    ],
    ...['git://127.0.0.1/x', 'http://127.0.0.1/x', 'ftp://127.0.0.1/x', 'javascript:alert(1)', `|${run}`, `;${run}`],
  ];
};

/** Paths that try to be options, magic of git's, or other places. */
export const hostilePaths = ({ command }: Trap): string[] => {
  const run = command('path');
  return [
    ...[`--output=${run}`, '--all', '--', '-', `--ext-diff=${run}`, `$(${run})`, `\`${run}\``, `;${run}`, `|${run}`],
    ...[':(attr:x)', ':(exclude)*', ':(icase)README', ':!x', ':/', ':(literal)--', '*', '[a-z]*', '?'],
    ...[
      '../../etc/passwd',
      '/etc/passwd',
      '.git/config',
      'a/../../b',
      './x',
      'x\ny',
      'x\u0000y',
      'x'.repeat(LONG),
      '\\',
      'a\\b',
    ],
  ];
};

/** The variables by which git is told to run something or to look elsewhere, each set to do so. */
export function hostileVariables({ directory, command }: Trap): Record<string, string> {
  const place = join(directory, 'variables');
  mkdirSync(join(place, 'template/hooks'), { recursive: true });
  mkdirSync(join(place, 'programs'), { recursive: true });
  mkdirSync(join(place, 'home/.config/git'), { recursive: true });
  const script = (path: string, name: string): string => {
    writeFileSync(path, `#!/bin/sh\n${command(name)}\nexit 1\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const program = script(join(place, 'program'), 'program');
  for (const name of ['upload-pack', 'fetch', 'rev-list', 'for-each-ref', 'remote-https', 'cat-file', 'init'])
    script(join(place, 'programs', `git-${name}`), `exec-path-${name}`);
  for (const name of ['post-checkout', 'reference-transaction', 'pre-receive', 'update', 'post-update'])
    script(join(place, 'template/hooks', name), `template-${name}`);
  const settings = {
    'core.fsmonitor': program,
    'core.sshCommand': program,
    'core.hooksPath': join(place, 'template/hooks'),
    'core.alternateRefsCommand': program,
    'diff.external': program,
    'uploadpack.packObjectsHook': program,
    'credential.helper': program,
  };
  const file = Object.entries(settings)
    .map(([key, value]) => `[${key.slice(0, key.indexOf('.'))}]\n\t${key.slice(key.indexOf('.') + 1)} = ${value}\n`)
    .join('');
  const config = join(place, 'config');
  for (const path of [config, join(place, 'home/.gitconfig'), join(place, 'home/.config/git/config')])
    writeFileSync(path, file);
  return {
    ...Object.fromEntries(
      ['GIT_SSH_COMMAND', 'GIT_SSH', 'GIT_PROXY_COMMAND', 'GIT_ASKPASS', 'SSH_ASKPASS', 'GIT_EXTERNAL_DIFF'].map(
        (name) => [name, program],
      ),
    ),
    ...Object.fromEntries(
      ['GIT_PAGER', 'PAGER', 'GIT_EDITOR', 'GIT_SEQUENCE_EDITOR', 'EDITOR'].map((name) => [name, program]),
    ),
    GIT_DIR: join(place, 'nowhere'),
    GIT_WORK_TREE: place,
    GIT_COMMON_DIR: join(place, 'nowhere'),
    GIT_INDEX_FILE: join(place, 'index'),
    GIT_OBJECT_DIRECTORY: join(place, 'objects'),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: join(place, 'objects'),
    GIT_NAMESPACE: 'elsewhere',
    GIT_CEILING_DIRECTORIES: '/',
    GIT_TEMPLATE_DIR: join(place, 'template'),
    GIT_EXEC_PATH: join(place, 'programs'),
    GIT_CONFIG_GLOBAL: config,
    GIT_CONFIG_SYSTEM: config,
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'core.hooksPath',
    GIT_CONFIG_VALUE_0: settings['core.hooksPath'],
    GIT_CONFIG_KEY_1: 'core.sshCommand',
    GIT_CONFIG_VALUE_1: program,
    GIT_CONFIG_PARAMETERS: `'core.fsmonitor'='${program}' 'uploadpack.packobjectshook'='${program}'`,
    GIT_TRACE: join(directory, 'canary-trace'),
    GIT_TRACE2_EVENT: join(directory, 'canary-trace2'),
    GIT_ALLOW_PROTOCOL: 'ext:file:ssh:https',
    HOME: join(place, 'home'),
    XDG_CONFIG_HOME: join(place, 'home/.config'),
  };
}
