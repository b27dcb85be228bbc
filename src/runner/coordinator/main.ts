import { fileURLToPath } from 'node:url';
import { environment } from '../../config/environment.js';
import { runCoordinator } from './run-coordinator.js';

const worker = fileURLToPath(new URL('../main.js', import.meta.url));

/** Entry of the coordinator process. Open keep-alive sockets and channels would hold it after its work is done. */
process.exit(
  await runCoordinator({
    environment,
    session: () => Promise.resolve(''),
    command: [process.execPath, ...process.execArgv, worker],
  }),
);
