import { environment } from '../config/environment.js';
import { runWorker } from './run-worker.js';

/** Entry of the worker process. Open keep-alive sockets and the supervisor's channel would hold it after its work is done. */
process.exit(await runWorker(environment));
