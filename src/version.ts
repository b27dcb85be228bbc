import { createRequire } from 'node:module';

// The same relative path leads to package.json from `src` and, as it is not copied, from `dist/src` one level up.
const require = createRequire(import.meta.url);

/** Version of this server, from package.json. */
export const VERSION: string = readVersion();

function readVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return (require(path) as { version: string }).version;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error;
    }
  }
  throw new Error('package.json was not found beside the program');
}
