// Every refusal code that openapi.json names is one the server has.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn } from '../build.mjs';
import { root } from '../root.mjs';

// A code is written where its error is defined; the document's own texts would prove themselves.
const sources = filesIn(join(root, 'src'))
  .filter((file) => file.endsWith('.ts') && !/(openapi[^/\\]*|\.controller|\.spec|\.generated)\.ts$/.test(file))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

const unknown = [...codesOf(JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8')))]
  .filter((code) => !sources.includes(`'${code}'`))
  .sort();
for (const code of unknown) console.log(`openapi.json names ${code}, which nothing in src/ answers`);
process.exitCode = unknown.length > 0 ? 1 : 0;

/** The `code` of each example of a problem, wherever it stands. */
function codesOf(value, found = new Set()) {
  if (value === null || typeof value !== 'object') return found;
  if (typeof value.code === 'string' && typeof value.status === 'number') found.add(value.code);
  for (const member of Object.values(value)) codesOf(member, found);
  return found;
}
