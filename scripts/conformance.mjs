// `npm run conformance -- <command that starts a worker>`: says what a worker of somebody else does wrong.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { onParentEnd } from './parent.mjs';
import { startThrowaway } from './postgres/throwaway.mjs';

const USAGE = `Usage: npm run conformance -- [--only work,git] [--patience 20] [--no-channel] [--json] <command that starts a worker>

The command is started without a shell, in the directory you are in, with these variables (docs/worker-protocol.md):
  MIYABI_URL          address of the server
  MIYABI_KEY          key to register with
  MIYABI_WORKER_NAME  name to register under
  MIYABI_WORKER_DIR   directory for its files, which is not there yet
  MIYABI_CAPACITY     1: one execution at a time
With --no-channel the server has no channel, as some have none (docs/worker-channel.md).
It is given tasks of the agent type "script": it runs metadata.command, whose output is the log.`;

const { own, command } = split(process.argv.slice(2));
let options;
try {
  options = parseArgs({
    args: own,
    options: {
      only: { type: 'string' },
      patience: { type: 'string' },
      'no-channel': { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  }).values;
} catch (error) {
  end(2, error.message);
}
if (options.help || command.length === 0) end(options.help ? 0 : 2, USAGE);

const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
/** @type {(() => Promise<unknown> | void)[]} */
const cleanUps = [() => rmSync(directory, { recursive: true, force: true })];
let code = 1;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void leave(130));
onParentEnd(() => void leave(130));
try {
  code = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error.message);
  code = 2;
}
await leave(code);

async function main() {
  await ensureInstalled();
  await ensureBuilt();
  const { Stand } = await import('./stand.mjs');
  const { examine } = await import('./conformance/examine.mjs');
  const { CHAPTERS } = await import('./conformance/chapters.mjs');
  const only = options.only?.split(',');
  const unknown = only?.find((name) => !(name in CHAPTERS));
  if (unknown !== undefined) throw new Error(`There is no "${unknown}" among ${Object.keys(CHAPTERS).join(', ')}.`);
  const server = await startThrowaway();
  cleanUps.unshift(() => server.stop());
  const stand = new Stand({ databaseUrl: server.url, directory: join(directory, 'stand') });
  cleanUps.unshift(() => stand.kill());
  await stand.start();
  const own = join(directory, 'own');
  mkdirSync(own);
  const patienceSeconds = Number(options.patience ?? 20);
  const tell = options.json ? undefined : print;
  const cwd = process.env.INIT_CWD ?? process.cwd();
  const channel = options['no-channel'] !== true;
  const { findings, ways } = await examine(
    stand,
    { command, directory: own, only, patienceSeconds, channel, cwd },
    tell,
  );
  const faulty = findings.filter(({ faults }) => faults.length > 0).length;
  if (options.json) console.log(JSON.stringify({ ok: faulty === 0, ways, findings }, null, 2));
  else {
    console.log(`\n${spoken(ways)}`);
    console.log(faulty === 0 ? 'It speaks the protocol.' : `${faulty} of ${findings.length} things are wrong.`);
  }
  return faulty === 0;
}

/** @param {import('./conformance/examine.mjs').Finding} finding */
function print({ name, about, faults }) {
  console.log(`${faults.length === 0 ? 'ok  ' : 'FAIL'}  ${name.padEnd(9)}  ${about}`);
  for (const detail of faults) console.log(detail.replace(/^/gm, '                 '));
}

/** What was examined is what it used. */
function spoken({ requests, channel }) {
  if (channel === 0) return `It said ${requests} words, all by requests, and was examined in these.`;
  const others = requests === 0 ? '' : ` and ${requests} by requests`;
  return `It said ${channel} words over the channel${others}, and was examined in what it used.`;
}

/** Our own options come first; whatever follows them is the worker's. */
function split(args) {
  let at = 0;
  while (args[at]?.startsWith('--')) at += ['--only', '--patience'].includes(args[at]) ? 2 : 1;
  return { own: args.slice(0, at).filter((word) => word !== '--'), command: args.slice(at) };
}

async function leave(exit) {
  while (cleanUps.length > 0) {
    try {
      await cleanUps.shift()();
    } catch (error) {
      console.error(error.message);
    }
  }
  process.exit(exit);
}

function end(exit, text) {
  (exit === 0 ? console.log : console.error)(text);
  process.exit(exit);
}
