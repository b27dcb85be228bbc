// A database for as long as a piece of work takes.
import { startThrowaway } from '../postgres/throwaway.mjs';

/**
 * @template T
 * @param {(url: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withTemporaryDatabase(work) {
  const server = await startThrowaway();
  // The server is a process of its own and would outlive this one.
  const interrupt = () => void server.stop().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, interrupt);
  try {
    return await work(server.url);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, interrupt);
    await server.stop();
  }
}
