import { once } from 'node:events';
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
  const server = app.getHttpServer() as Server;
  await listen(server, http);
  const { address, port } = server.address() as AddressInfo;
  new Logger('Server').log(`version ${VERSION} listens on ${address} port ${String(port)}`);
  // A supervisor that let the system choose the port learns it here.
  process.send?.({ listening: port });
}

/** Not through Nest, which would log a refusal with its stack before anybody can say what it means. */
async function listen(server: Server, http: HttpConfig): Promise<void> {
  server.listen(http.port, http.host);
  await once(server, 'listening').catch((error: unknown) => {
    throw CannotListen.because(error, http) ?? error;
  });
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

/** The address is another's, or may not be used: what to do about it is with whoever chose it. */
class CannotListen extends Error {
  static because(error: unknown, { host, port }: HttpConfig): CannotListen | null {
    const place = `Cannot listen on HOST ${host}, PORT ${String(port)}`;
    switch ((error as NodeJS.ErrnoException).code) {
      case 'EADDRINUSE':
        return new CannotListen(`${place}: another process does. End it, or set PORT to another port.`);
      case 'EACCES':
        return new CannotListen(`${place}: this account may not. Set PORT to another port.`);
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
        return new CannotListen(`${place}: that is no address of this machine. Set HOST to one.`);
      default:
        return null;
    }
  }
}

try {
  await main();
} catch (error) {
  const expected = [ConfigurationFaults, DatabaseOutOfReach, CannotListen];
  const isExpected = error instanceof Error && expected.some((kind) => error instanceof kind);
  const message = isExpected ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`${message}\n`);
  // What was opened before the fault must not keep the process.
  process.exit(1);
}
