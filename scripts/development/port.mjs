// The port to serve on: the one asked for or none, else the first free one of a few.
import { describeListener, findListener, freePort, portState } from '../ports.mjs';

const FIRST = 8080;
const LAST = 8099;

/**
 * @param {import('./settings.mjs').Settings} settings
 * @returns {Promise<{ port: number, asked: boolean }>} asked = the user chose it
 */
export async function choosePort({ given, host }) {
  if (given.PORT !== undefined) return { port: await checkAsked(given.PORT, host), asked: true };
  for (let port = FIRST; port <= LAST; port += 1) {
    const state = await portState(port, host);
    if (state === 'forbidden') throw new Error(`Cannot listen on ${host}. Set HOST to an address of this machine.`);
    if (state === 'taken') continue;
    if (port !== FIRST) {
      const holder = describeListener(findListener(FIRST));
      console.log(`Port ${FIRST} is taken by ${holder}; using ${port}. Set PORT to choose another.`);
    }
    return { port, asked: false };
  }
  throw new Error(`The ports ${FIRST} to ${LAST} are all taken. Set PORT to a free one.`);
}

async function checkAsked(text, host) {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535) throw new Error(`PORT must be a number from 0 to 65535, not "${text}".`);
  if (port === 0) return freePort();
  const state = await portState(port, host);
  if (state === 'taken') {
    const holder = describeListener(findListener(port));
    throw new Error(`Port ${port} is taken by ${holder}.\nEnd that process, or set PORT to another port.`);
  }
  if (state === 'forbidden')
    throw new Error(`This account cannot listen on ${host}:${port}. Set PORT or HOST to another.`);
  return port;
}
