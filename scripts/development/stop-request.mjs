// All the ways in which a person or a program asks this run to end.

import { onParentEnd } from '../parent.mjs';

// npm passes on the Ctrl-C that the terminal has already sent to all of us: one wish, heard twice.
const SAME_WISH_MS = 1000;

/**
 * @param {{ stop: (why: string) => void, hurry: () => void }} reactions `stop` at the first request, `hurry` at each one after
 */
export function onStopRequest({ stop, hurry }) {
  let firstAt = 0;
  const request = (why) => {
    if (firstAt === 0) {
      firstAt = Date.now();
      stop(why);
    } else if (Date.now() - firstAt > SAME_WISH_MS) hurry();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, request);
  // A closed terminal: there is nobody to read the rest, and that must not end us half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => request('closed output'));
  onParentEnd(() => request('npm has ended'));
}
