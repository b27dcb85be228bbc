// `npm run start:prod`: the built server in this very process. Its configuration comes from the environment alone.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onParentEnd } from './parent.mjs';
import { root } from './root.mjs';

const entry = join(root, 'dist', 'src', 'main.js');
if (!existsSync(entry)) {
  console.error('There is no built server here. Run: npm ci && npm run build');
  process.exit(1);
}
process.env.NODE_ENV = 'production';
process.setSourceMapsEnabled(true);
// The server's own way to stop in order.
onParentEnd(() => process.kill(process.pid, 'SIGTERM'));
await import(pathToFileURL(entry).href);
