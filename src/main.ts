import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { createApp } from './app.js';
import { loadServerConfiguration } from './config/config.module.js';
import { DatabaseConfig } from './config/database.config.js';
import { environment } from './config/environment.js';
import { HttpConfig } from './config/http.config.js';
import { ConfigurationFaults } from './config/load.js';
import { isUnavailable } from './database/database.errors.js';
import { migrate } from './database/migrate.js';
import { stopOnSignals } from './http/shutdown.js';
import { VERSION } from './version.js';

async function main(): Promise<void> {
  const configuration = loadServerConfiguration(environment);
  const http = configuration.get(HttpConfig);
  const { url } = configuration.get(DatabaseConfig);
  await migrate(url).catch((error: unknown) => {
    throw isUnavailable(error) ? new DatabaseOutOfReach(url, error) : error;
  });
  const app = await createApp(configuration);
  stopOnSignals(app, http.shutdown_seconds);
  const server = (await app.listen(http.port, http.host)) as Server;
  const { address, port } = server.address() as AddressInfo;
  new Logger('Server').log(`version ${VERSION} listens on ${address} port ${String(port)}`);
  // A supervisor that let the system choose the port learns it here.
  process.send?.({ listening: port });
}

/** Says where the database was looked for, without the password. */
class DatabaseOutOfReach extends Error {
  constructor(url: string, cause: unknown) {
    const { hostname, port, pathname } = new URL(url);
    const place = `${hostname}:${port || '5432'}${pathname}`;
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`The database of DATABASE_URL cannot be used (${place}): ${reason || 'no answer'}`, { cause });
  }
}

try {
  await main();
} catch (error) {
  const isExpected = error instanceof ConfigurationFaults || error instanceof DatabaseOutOfReach;
  const message = isExpected ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`${message}\n`);
  // What was opened before the fault must not keep the process.
  process.exit(1);
}
