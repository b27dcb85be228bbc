// The embedded server of development, started again when it ends without having been asked to.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres } from '../postgres/server.mjs';
import { dataDirectory } from '../root.mjs';

const directory = join(dataDirectory, 'postgres');
const RETRY_MS = 5000;

/**
 * @param {import('./run-record.mjs').RunRecord} record
 * @returns {Promise<{ url: string, about: string, stop: () => Promise<void> }>}
 */
export async function startDatabase(record) {
  let stopping = false;
  let server = await startPostgres({ dataDirectory: directory });
  const { url, port, cluster } = server;
  record.set('PostgreSQL', server.pid);

  const keep = async () => {
    while (!stopping) {
      const how = await server.ended;
      if (stopping) return;
      console.log(`PostgreSQL has ended (${how}); starting it again.`);
      server = await startAgain(port);
      record.set('PostgreSQL', server.pid);
    }
  };
  const startAgain = async (samePort) => {
    for (;;) {
      try {
        // The same port: the server of the API knows only this one.
        return await startPostgres({ dataDirectory: directory, port: samePort });
      } catch (error) {
        console.log(`${error.message}\nTrying again in ${RETRY_MS / 1000} s.`);
        await sleep(RETRY_MS);
      }
    }
  };
  void keep();

  const stop = async () => {
    stopping = true;
    await server.stop();
    record.set('PostgreSQL', null);
  };
  return { url, about: `PostgreSQL of its own, port ${port}, files in ${cluster}`, stop };
}
