#!/usr/bin/env node
// `npx miyabi` in this checkout: the command line as the build made it.
import { existsSync } from 'node:fs';

const built = new URL('../dist/miyabi.mjs', import.meta.url);
if (existsSync(built)) await import(built.href);
else {
  process.stderr.write('miyabi is not built here. Run: npm ci && npm run build\n');
  process.exitCode = 1;
}
