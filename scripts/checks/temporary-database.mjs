// A database for as long as a piece of work takes.
import { startThrowaway } from '../postgres/throwaway.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * @template T
 * @param {(url: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withTemporaryDatabase(work) {
  // The server is a process of its own and would outlive this one, also when it is just being started.
  const starting = startThrowaway();
  const interrupt = () => void starting.then((server) => server.stop()).finally(() => process.exit(1));
  for (const signal of SIGNALS) process.once(signal, interrupt);
  const server = await starting;
  try {
    return await work(server.url);
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
    await server.stop();
  }
}
