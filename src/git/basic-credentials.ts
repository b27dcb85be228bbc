/** What stands before and after the colon of Basic credentials (RFC 7617). */
export interface BasicCredentials {
  user: string;
  password: string;
}

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;

/** Null for anything but well-formed Basic credentials. */
export function readBasic(header: string | undefined): BasicCredentials | null {
  const encoded = BASIC.exec(header ?? '')?.[1];
  if (encoded === undefined) return null;
  const [user = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return rest.length === 0 ? null : { user, password: rest.join(':') };
}
