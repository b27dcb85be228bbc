// `npm run demo`: a day in the life of a fleet, in half a minute, with all that goes wrong on such a day. The last line is
// the result.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { onParentEnd } from './parent.mjs';
import { root } from './root.mjs';

const USAGE = `Usage: npm run demo [-- --picture day.svg]

One coordinator, four workers and eight tasks, on a server, a database and a repository of its own, all of which are gone
afterwards. The picture of the day is written to .miyabi/demo.svg, or where --picture says.`;

let options;
try {
  options = parseArgs({ options: { picture: { type: 'string' }, help: { type: 'boolean' } } }).values;
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`);
  process.exit(2);
}
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}

await ensureInstalled();
await ensureBuilt();
// Loaded late: they need what has just been installed.
const { Stage } = await import('./demo/stage.mjs');
const { Chronicle, liveThrough } = await import('./demo/day.mjs');
const { audit, auditEnd } = await import('./demo/audit.mjs');
const { rowsOf } = await import('./demo/rows.mjs');
const { pictureOf } = await import('./demo/picture.mjs');

const began = Date.now();
const say = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`);

const stage = new Stage();
/** @type {Promise<void> | null} */
let closing = null;
const close = () => (closing ??= stage.close());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => void close().then(() => process.exit(130)));
onParentEnd(() => void close().then(() => process.exit(130)));

/** @type {{ text: string, wrong: string | null }[]} */
let facts = [];
try {
  await stage.open();
  say('one coordinator and four workers are there');
  const chronicle = new Chronicle(say);
  await liveThrough(stage, chronicle);
  facts = await audit(stage, chronicle);
  const rows = await rowsOf(stage, chronicle);
  facts.push(...auditEnd(stage, await stage.stopCoordinator()));
  const { began: from, ended: to, outages, marks } = chronicle;
  const picture = resolve(process.env.INIT_CWD ?? root, options.picture ?? join(root, '.miyabi', 'demo.svg'));
  mkdirSync(dirname(picture), { recursive: true });
  writeFileSync(picture, pictureOf({ from, to, rows, outages, marks }));
  console.log('');
  for (const { text, wrong } of facts) console.log(wrong === null ? `ok    ${text}` : `WRONG ${text}: ${wrong}`);
  console.log(`\nThe picture of the day: ${picture}`);
} catch (error) {
  facts.push({ text: 'the day came to its end', wrong: error.message });
  console.error(`WRONG the day came to its end: ${error.message}\n${stage.server?.said ?? ''}`);
} finally {
  await close();
}
const wrong = facts.filter((fact) => fact.wrong !== null).length;
console.log(`${facts.length - wrong} passed, ${wrong} failed`);
process.exit(wrong === 0 ? 0 : 1);
