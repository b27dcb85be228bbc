import { hkdfSync } from 'node:crypto';
import cookieParser from 'cookie-parser';
import type { CookieOptions, Request, RequestHandler, Response } from 'express';

/** Continues the session of a browser; sent to the API and its documents only. */
const REFRESH: { name: string; options: CookieOptions } = {
  name: 'miyabi_refresh',
  options: { httpOnly: true, secure: true, sameSite: 'lax', path: '/api' },
};

/** Tells the browser that has left for GitHub from others; signed, so that nobody can make one up. */
const SIGN_IN: { name: string; options: CookieOptions } = {
  name: 'miyabi_sign_in',
  options: { httpOnly: true, secure: true, sameSite: 'lax', path: '/api/v1/auth/github', signed: true },
};

/** Reads the cookies of a request. What signs them is derived from the secret, so that neither tells of the other. */
export const readCookies = (secret: string): RequestHandler =>
  cookieParser(Buffer.from(hkdfSync('sha256', secret, '', 'miyabi cookie signature', 32)).toString('base64url'));

/** `seconds` is the life of the token. */
export function setRefreshCookie(response: Response, refresh_token: string, seconds: number): void {
  response.cookie(REFRESH.name, refresh_token, { ...REFRESH.options, maxAge: seconds * 1000 });
}

export function clearRefreshCookie(response: Response): void {
  response.clearCookie(REFRESH.name, REFRESH.options);
}

export const refreshCookieOf = (request: Request): string | null => textOf(request.cookies, REFRESH.name);

export function setSignInCookie(response: Response, browser: string, seconds: number): void {
  response.cookie(SIGN_IN.name, browser, { ...SIGN_IN.options, maxAge: seconds * 1000 });
}

export const signInCookieOf = (request: Request): string | null => textOf(request.signedCookies, SIGN_IN.name);

/** A cookie with a broken signature reads `false`, and one that looks like JSON is an object. */
function textOf(cookies: unknown, name: string): string | null {
  const value = (cookies as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : null;
}
