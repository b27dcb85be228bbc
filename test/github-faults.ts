import type { ServerResponse } from 'node:http';
import type { Fault } from './github-stand-in.js';

const PIECE = ' '.repeat(1024 * 1024);

/** The connection ends without an answer. */
export const reset: Fault = (response) => response.socket?.destroy();

/** Nothing ever comes. */
export const silent: Fault = () => undefined;

/** The connection ends in the middle of the answer. */
export const breaksOff: Fault = (response) => {
  response.writeHead(200, { 'content-length': '1000' }).write('{"access_token":');
  setTimeout(() => response.socket?.destroy(), 20);
};

/** Something comes all the time, and the end never. */
export const drips: Fault = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(timer));
};

/** As much comes as the other side takes. */
export const floods: Fault = (response) => {
  const more = (to: ServerResponse): void => {
    while (!to.destroyed && to.write(PIECE));
    if (!to.destroyed) to.once('drain', () => more(to));
  };
  response.writeHead(200).on('error', () => undefined);
  more(response);
};
