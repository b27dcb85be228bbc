import { environment } from '../config/environment.js';
import { runCommand } from './run.js';

// A reader that has seen enough (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const exit = await runCommand(process.argv.slice(2), environment);
// What is written to a pipe may still be on its way, and open keep-alive sockets would hold the process.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exit)));
