import { basename, dirname } from 'node:path';
import { InvalidInput } from '../domain-error.js';

/** What a caller says about where a repository is. */
export interface SourceInput {
  full_name?: string;
  clone_url?: string;
  local_path?: string;
}

/** Where a repository is, in the columns of its row. */
export interface RepositorySource {
  full_name: string | null;
  clone_url: string | null;
  local_path: string | null;
  /** The same for every way of writing the same source. */
  source_key: string;
}

const SOURCES = ['full_name', 'clone_url', 'local_path'] as const;
const LOCAL = 'file:';
const GITHUB = 'github.com';
// That of https is left out of a URL by itself.
const SSH_PORT = '22';
const GITHUB_NAME = /^\/?([A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/[A-Za-z0-9._-]{1,100}?)(?:\.git)?\/?$/;
const SCP_LIKE = /^([A-Za-z0-9._-]+)@([A-Za-z0-9.-]+):(?!\/\/)(.+)$/;
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.?)$/i;

/**
 * The one source of the input. A `file://` URL gives its path, still to be checked against the disk. Throws
 * InvalidInput unless there is exactly one, in a form this server clones from, without credentials.
 */
export function readSource(input: SourceInput): RepositorySource | { path: string; clone_url: string | null } {
  const given = SOURCES.filter((name) => input[name] !== undefined);
  if (given.length !== 1) {
    const detail = 'Name exactly one source: full_name, clone_url or local_path.';
    throw new InvalidInput(
      detail,
      (given.length === 0 ? SOURCES : given).map((field) => ({
        field,
        message: 'exactly one of the sources must be given',
      })),
    );
  }
  if (input.local_path !== undefined) return { path: input.local_path, clone_url: null };
  if (input.full_name !== undefined) return fromGitHub(input.full_name);
  return fromUrl(input.clone_url ?? '');
}

/**
 * The columns of a repository on this host's disk, whose true path is known, and that of the git directory which all its
 * work trees have in common.
 */
export const localSource = (path: string, common: string, clone_url: string | null): RepositorySource => ({
  full_name: null,
  clone_url,
  local_path: clone_url === null ? path : null,
  source_key: `${LOCAL}${basename(common) === '.git' ? dirname(common) : common}`,
});

/** Whether a host may ask who fetches: ssh has the keys of the server's account, and a disk asks nobody. */
export const takesCredentials = ({ clone_url }: Pick<RepositorySource, 'clone_url'>): boolean =>
  clone_url?.startsWith('https:') ?? false;

/** Where a repository is on this host's disk; null for those that are elsewhere. */
export function localPathOf(row: Pick<RepositorySource, 'clone_url' | 'local_path' | 'source_key'>): string | null {
  if (!row.source_key.startsWith(LOCAL)) return null;
  return row.local_path ?? decodeURIComponent(new URL(row.clone_url ?? '').pathname);
}

function fromGitHub(full_name: string): RepositorySource {
  return {
    full_name,
    clone_url: `https://${GITHUB}/${full_name}.git`,
    local_path: null,
    // GitHub's names differ by more than their case.
    source_key: `${GITHUB}/${full_name.toLowerCase()}`,
  };
}

function fromUrl(text: string): RepositorySource | { path: string; clone_url: string } {
  // `git@host:path` is how people know ssh addresses.
  const [, user, host, path] = SCP_LIKE.exec(text) ?? [];
  const address = path === undefined ? text : `ssh://${user ?? ''}@${host ?? ''}/${path}`;
  // What is read as a URL loses these without a word.
  if (/[\t\n\r]/.test(text) || !URL.canParse(address)) throw refused('must be a URL, such as https://host/path.git');
  const url = new URL(address);
  if (url.protocol === 'file:') return fromFileUrl(url, text);
  if (url.protocol !== 'https:' && url.protocol !== 'ssh:') throw refused('must begin with https:// or ssh://');
  assertPlain(url);
  const way = url.pathname.replace(/(?<!\/)\/+$/, '').replace(/\.git$/, '');
  if (way === '') throw refused('must name a repository');
  // At another port there is something else.
  const isGitHub =
    url.hostname.toLowerCase() === GITHUB && (url.port === '' || (url.protocol === 'ssh:' && url.port === SSH_PORT));
  const github = isGitHub ? GITHUB_NAME.exec(url.pathname)?.[1] : undefined;
  if (github !== undefined) return { ...fromGitHub(github), clone_url: url.href };
  const user_name = url.username === '' ? '' : `${url.username}@`;
  return {
    full_name: null,
    clone_url: url.href,
    local_path: null,
    source_key: `${url.protocol}//${user_name}${url.host.toLowerCase()}${way}`,
  };
}

function assertPlain(url: URL): void {
  // The user name of an ssh address is part of the address; everything else of the kind is a secret.
  if (url.password !== '' || (url.protocol === 'https:' && url.username !== '')) {
    throw refused('must not carry credentials, as it is shown: give them as credentials');
  }
  if (url.search !== '' || url.hash !== '') throw refused('must have neither a query nor a fragment');
  if (!HOST.test(url.hostname) || url.username.startsWith('-')) throw refused('must name a host');
}

function fromFileUrl(url: URL, text: string): { path: string; clone_url: string } {
  if (url.host !== '' || url.search !== '' || url.hash !== '') throw refused('must name a path on this host alone');
  try {
    return { path: decodeURIComponent(url.pathname), clone_url: text };
  } catch (error) {
    if (error instanceof URIError) throw refused('has a path that is not valid UTF-8');
    throw error;
  }
}

function refused(fault: string): InvalidInput {
  return new InvalidInput(`clone_url ${fault}.`, [{ field: 'clone_url', message: `clone_url ${fault}` }]);
}
