const AUTHORITY = [
  ...['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_UNTRUSTED'],
];
const CLOCK = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'];

/** Why a call had no answer, in words. */
export interface NoAnswer {
  readonly reason: string;
  /** What to do about it, where that is known. */
  readonly advice: string | null;
}

/** What is behind an error of `fetch`, whose own message says nothing; its cause does. */
export function noAnswer(error: unknown): NoAnswer {
  if (!(error instanceof Error)) return { reason: String(error), advice: null };
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = 'code' in cause ? String(cause.code) : '';
  const known = ofCertificate(code);
  if (known !== null) return known;
  // Of an address with several entries each has failed in its own way, and the message is empty.
  const said = cause.message || error.message;
  return { reason: code === '' || said.includes(code) ? said : `${said} (${code})`, advice: null };
}

/** The same in one sentence or two, for a log. */
export function noAnswerInOne(error: unknown): string {
  const { reason, advice } = noAnswer(error);
  return advice === null ? reason : `${reason}. ${advice}`;
}

function ofCertificate(code: string): NoAnswer | null {
  if (AUTHORITY.includes(code))
    return {
      reason: `this machine does not trust who signed its certificate (${code})`,
      advice:
        'Name the file with the certificate of that authority (PEM) in NODE_EXTRA_CA_CERTS, and for git and curl in GIT_SSL_CAINFO and CURL_CA_BUNDLE.',
    };
  if (CLOCK.includes(code))
    return {
      reason: `its certificate is not valid at this time (${code})`,
      advice: 'Is the clock of this machine right? If it is, the server needs another certificate.',
    };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      reason: `its certificate is for another name (${code})`,
      advice: 'Use the address that the certificate names.',
    };
  return null;
}
