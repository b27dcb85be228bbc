// The checkout that this copy of the scripts belongs to, and the directory of everything it makes for itself.
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Without links, because the system reports processes and working directories that way.
export const root = realpathSync(dirname(dirname(fileURLToPath(import.meta.url))));

/** Development's data: database, mirrors, the worker's checkouts, secrets. Ignored by Git. */
export const dataDirectory = join(root, '.miyabi');
