import type { IncomingHttpHeaders } from 'node:http';

const TOKEN = 'bearer.';

/**
 * The token that a handshake carries: in `Authorization`, or, as browsers cannot set that, among the subprotocols as
 * `bearer.<token>`. Null when there is none.
 */
export function bearerOf(headers: IncomingHttpHeaders): string | null {
  const header = /^bearer ([\x21-\x7e]+)$/i.exec(headers.authorization ?? '')?.[1];
  if (header !== undefined) return header;
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  return offered.find((one) => one.startsWith(TOKEN))?.slice(TOKEN.length) ?? null;
}
