import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.js';
import { loadServerConfiguration } from './config/config.module.js';
import { DatabaseConfig } from './config/database.config.js';
import { environment } from './config/environment.js';
import { HttpConfig } from './config/http.config.js';
import { ConfigurationFaults } from './config/load.js';
import { migrate } from './database/migrate.js';
import { stopOnSignals } from './http/shutdown.js';

async function main(): Promise<void> {
  const configuration = loadServerConfiguration(environment);
  const http = configuration.get(HttpConfig);
  await migrate(configuration.get(DatabaseConfig).url);
  const app = await createApp(configuration);
  stopOnSignals(app, http.shutdown_seconds);
  const server = (await app.listen(http.port, http.host)) as Server;
  const { port } = server.address() as AddressInfo;
  // A supervisor that let the system choose the port learns it here.
  process.send?.({ listening: port });
}

try {
  await main();
} catch (error) {
  const message = error instanceof ConfigurationFaults ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`${message}\n`);
  // What was opened before the fault must not keep the process.
  process.exit(1);
}
