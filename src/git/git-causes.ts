/** Why a git command failed, as far as its own words tell. */
export type GitCause =
  | 'not_found'
  | 'not_allowed'
  | 'credentials_missing'
  | 'credentials_refused'
  | 'sealed'
  | 'refused'
  | 'unreachable'
  | 'redirected'
  | 'disk_full'
  | 'locked'
  | 'damaged'
  | 'rejected_objects'
  | 'own_names'
  | 'incomplete'
  | 'grafts'
  | 'unsupported'
  | 'too_large'
  | 'timeout'
  | 'aborted'
  | 'unknown';

/** What people are told. Git's own words stay in the server's log, as they hold paths and may hold addresses. */
export const CAUSE_DETAILS: Readonly<Record<GitCause, string>> = {
  not_found:
    'There is no Git repository at its address, or it is not visible with the credentials that are kept for it (if any: has_credentials).',
  not_allowed: 'The repository is at a path or address that this server may not read (any more).',
  credentials_missing:
    'Its host asks for credentials, and none are kept for this repository. Give them with PUT /repositories/{id}/credentials.',
  credentials_refused:
    'Its host refuses the credentials that are kept for this repository: they are wrong, have expired or were revoked. Give others with PUT /repositories/{id}/credentials.',
  sealed:
    'The credentials of this repository cannot be opened any more: their key is gone from TOKEN_ENCRYPTION_KEYS. Give them again with PUT /repositories/{id}/credentials.',
  refused:
    'Its host refuses access: of an https address the credentials may not read this repository; of an ssh address the account of the server has no key there, or does not know the host.',
  unreachable: 'The host of the repository cannot be reached.',
  redirected: 'The address of the repository redirects elsewhere. Register the address it redirects to.',
  disk_full: 'The disk of the server is full.',
  locked: 'Another git process holds a lock in the repository.',
  damaged: 'The repository is damaged: objects or references are missing or broken.',
  rejected_objects: 'The repository holds objects that fail the integrity check.',
  own_names:
    'The repository has no branches but those whose names begin with task, which belongs to executions here. Give it one with another name.',
  incomplete:
    'The repository is a partial clone, which lacks objects that only its own source has. Register that one, or a whole clone of it.',
  grafts:
    'The repository changes its history with grafts (info/grafts), which cannot be fetched. Turn them into commits that replace others there: git replace --convert-graft-file.',
  unsupported: 'The repository is of a kind this server does not read (for example SHA-256 objects).',
  too_large: 'Git answered with more than this server takes at once; of a remote repository, 2 GiB in one fetch.',
  timeout: 'Git took too long.',
  aborted: 'The work was called off.',
  unknown: 'Git failed for a reason it did not make clear; the log of the server has its words.',
};

/** The order matters: the first that matches is the more telling one. */
const SIGNS: readonly (readonly [GitCause, RegExp])[] = [
  ['disk_full', /No space left on device|Disk quota exceeded/i],
  ['rejected_objects', /fsck error|fsckObjects|error in packed object|error in object/i],
  [
    'unsupported',
    /mismatched algorithms|unknown repository extension|unsupported object format|transport '[^'\n]*' not allowed/i,
  ],
  ['incomplete', /lazy fetching disabled|from promisor remote/i],
  ['redirected', /unable to update url base from redirection|returned error: 30\d/i],
  ['credentials_missing', /could not read (Username|Password)|terminal prompts disabled/i],
  ['credentials_refused', /Authentication failed|returned error: 401/i],
  ['refused', /Permission denied \(|Host key verification failed|returned error: 403/i],
  [
    'unreachable',
    /Could not resolve host|Failed to connect|Connection (refused|timed out|reset)|Couldn't connect|Operation timed out|Network is unreachable|No route to host|SSL|certificate|gnutls|Operation too slow|Could not resolve hostname/i,
  ],
  // Of a source git says that it does not appear to be one.
  ['damaged', /not a git repository: '/i],
  [
    'not_found',
    /does not appear to be a git repository|repository \S+ not found|not a git repository|returned error: 404|does not exist/i,
  ],
  ['locked', /\.lock': File exists|cannot lock ref|Unable to create '[^'\n]*\.lock'/i],
  [
    'damaged',
    /bad (tree |commit |blob |tag )?object|corrupt|missing (blob|tree|commit|object|necessary objects)|unable to read (tree|blob|sha1|object|[0-9a-f]{40})|Could not read|broken|loose object|bad ref|did not send all necessary objects|not our ref|(unterminated|unexpected) line in|inflate:|packfile .* (does not match|cannot be accessed)|index file .* is|bad config line|checksum mismatch|hash mismatch/i,
  ],
];

/** Reads the cause off what git wrote to its standard error in the C locale. */
export const causeOf = (stderr: string): GitCause => SIGNS.find(([, sign]) => sign.test(stderr))?.[0] ?? 'unknown';
