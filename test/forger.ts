import { createHmac } from 'node:crypto';

export type Claims = Record<string, unknown>;

/** Variants of a secret, by what has been done to it. */
export type Variants = [name: string, text: string][];

export const HEAD = { alg: 'HS256', typ: 'JWT' };

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Makes access tokens of a valid one, as somebody could who knows the secret, and as somebody who does not. */
export class Forger {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  readonly claims: Claims;

  constructor(
    readonly secret: string,
    readonly token: string,
  ) {
    const [header = '', payload = '', signature = ''] = token.split('.');
    this.header = header;
    this.payload = payload;
    this.signature = signature;
    this.claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
  }

  /** With other claims; undefined leaves one out. */
  withClaims(change: Claims): string {
    return this.signed(HEAD, { ...this.claims, ...change });
  }

  signed(head: unknown, body: unknown, hash = 'sha256', secret: string | Buffer = this.secret): string {
    return this.sealed(`${encode(head)}.${encode(body)}`, hash, secret);
  }

  /** The text with its signature behind it. */
  sealed(text: string, hash = 'sha256', secret: string | Buffer = this.secret): string {
    return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
  }
}
