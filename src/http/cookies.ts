import { hkdfSync } from 'node:crypto';
import cookieParser from 'cookie-parser';
import type { CookieOptions, Request, RequestHandler, Response } from 'express';

interface Cookie {
  name: string;
  path: string;
  signed?: boolean;
}

/** Continues the session of a browser; sent to the API and its documents only. */
const REFRESH: Cookie = { name: 'miyabi_refresh', path: '/api' };

/** Tells the browser that has left for GitHub from others; signed, so that nobody can make one up. */
const SIGN_IN: Cookie = { name: 'miyabi_sign_in', path: '/api/v1/auth/github', signed: true };

/**
 * Reads the cookies of a request. What signs them is derived from the secret, so that neither tells of the other.
 * Browsers see the server below `basePath`.
 */
export function readCookies(secret: string, basePath: string): RequestHandler[] {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'miyabi cookie signature', 32)).toString('base64url');
  const rememberBase: RequestHandler = (_request, response, next) => {
    response.locals['base_path'] = basePath;
    next();
  };
  return [cookieParser(key), rememberBase];
}

const optionsOf = ({ path, signed = false }: Cookie, response: Response): CookieOptions => ({
  httpOnly: true,
  secure: true,
  sameSite: 'lax',
  path: String(response.locals['base_path'] ?? '') + path,
  signed,
});

/** `seconds` is the life of the token. */
export function setRefreshCookie(response: Response, refresh_token: string, seconds: number): void {
  response.cookie(REFRESH.name, refresh_token, { ...optionsOf(REFRESH, response), maxAge: seconds * 1000 });
}

export function clearRefreshCookie(response: Response): void {
  response.clearCookie(REFRESH.name, optionsOf(REFRESH, response));
}

export const refreshCookieOf = (request: Request): string | null => textOf(request.cookies, REFRESH.name);

export function setSignInCookie(response: Response, browser: string, seconds: number): void {
  response.cookie(SIGN_IN.name, browser, { ...optionsOf(SIGN_IN, response), maxAge: seconds * 1000 });
}

export const signInCookieOf = (request: Request): string | null => textOf(request.signedCookies, SIGN_IN.name);

/** A cookie with a broken signature reads `false`, and one that looks like JSON is an object. */
function textOf(cookies: unknown, name: string): string | null {
  const value = (cookies as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : null;
}
