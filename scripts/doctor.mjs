// `npm run doctor`: what this machine has and lacks. Works before anything is installed, and installs nothing.
import * as fs from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { readRunRecord } from './development/run-record.mjs';
import { readSettings } from './development/settings.mjs';
import { whyNotInstalled } from './install.mjs';
import { describeListener, findListener, portState } from './ports.mjs';
import { chooseAccount } from './postgres/account.mjs';
import { prepareBinaries } from './postgres/binaries.mjs';
import { isSameProcess } from './processes.mjs';
import { checkGit, checkNode, checkNpm, versionOf } from './requirements.mjs';
import { dataDirectory, root } from './root.mjs';

// What the worker looks for; each is installed and signed in by its user.
const AGENTS = {
  claude: 'npm install -g @anthropic-ai/claude-code',
  codex: 'npm install -g @openai/codex',
  gemini: 'npm install -g @google/gemini-cli',
  opencode: 'npm install -g opencode-ai',
  aider: 'python -m pip install aider-install && aider-install',
  'cursor-agent': 'https://cursor.com/cli',
  qwen: 'npm install -g @qwen-code/qwen-code',
};
const WANTED_BYTES = 5 * 1024 ** 3;
const MARKS = { good: ['ok  ', 32], note: ['note', 33], bad: ['FAIL', 31] };

let faults = 0;
const settings = readSettings();

section('Required');
for (const { name, found, fault } of [checkNode(), checkNpm(), checkGit()]) {
  say(fault ? 'bad' : 'good', `${name} ${found ?? 'not found'}`, fault);
}
checkDependencies();
await checkPort();
await checkDatabase();
checkDisk();
section('Agents on the PATH (at least one, to run more than the built-in "note" and "script")');
checkAgents();

console.log(
  faults === 0 ? '\nEverything required is there: npm run start:dev' : `\n${faults} required thing(s) missing.`,
);
process.exit(faults === 0 ? 0 : 1);

function checkDependencies() {
  const missing = whyNotInstalled();
  if (missing === null) say('good', 'Dependencies installed');
  else
    say(
      'note',
      `Dependencies not installed (${missing})`,
      'npm run start:dev and npm test install them by themselves.',
    );
}

async function checkPort() {
  const { url, processes } = readRunRecord();
  if (url && processes.some(isSameProcess)) return say('good', `npm run start:dev of this checkout runs at ${url}`);
  const port = Number(settings.given.PORT ?? 8080);
  const state = await portState(port, settings.host);
  if (state === 'free') return say('good', `Port ${port} free on ${settings.host}`);
  if (state === 'forbidden')
    return say('bad', `Cannot listen on ${settings.host}:${port}`, 'Set PORT or HOST to another.');
  const holder = `Port ${port} taken by ${describeListener(findListener(port))}`;
  if (settings.given.PORT === undefined) return say('note', holder, 'The next free one up to 8099 is used.');
  return say('bad', holder, 'End that process, or set PORT to another port.');
}

async function checkDatabase() {
  const url = settings.given.DATABASE_URL;
  const installed = whyNotInstalled() === null;
  if (url) return installed ? checkLogin(url) : checkReachable(url);
  if (!installed) return say('note', 'Embedded PostgreSQL not checked', 'It comes with the dependencies.');
  try {
    const account = chooseAccount(join(dataDirectory, 'postgres', 'cluster'));
    const { version } = prepareBinaries(account);
    return say('good', `Embedded PostgreSQL ${version} runs${account ? ` as "${account.name}"` : ''}`);
  } catch (error) {
    return say('bad', 'Embedded PostgreSQL does not run', error.message);
  }
}

async function checkLogin(url) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  try {
    await client.connect();
    const { rows } = await client.query('SHOW server_version');
    const version = rows[0].server_version;
    const fault = Number.parseInt(version, 10) >= 15 ? null : 'PostgreSQL 15 or newer is needed.';
    say(fault ? 'bad' : 'good', `DATABASE_URL leads to PostgreSQL ${version}`, fault);
  } catch (error) {
    say(
      'bad',
      `DATABASE_URL does not work: ${error.message || error.code}`,
      'Correct it, or unset it to use the embedded one.',
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Without the driver, whether anybody listens there is all that can be said. */
function checkReachable(url) {
  if (!URL.canParse(url)) return say('bad', 'DATABASE_URL is not a URL', 'postgres://user:password@host:port/database');
  const { hostname, port } = new URL(url);
  const fault = 'Correct DATABASE_URL, or unset it to use the embedded one.';
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 5432), timeout: 5000 });
    const end = (kind, text, hint) => {
      socket.destroy();
      resolve(say(kind, text, hint));
    };
    socket.once('connect', () => end('good', 'DATABASE_URL leads to somebody who listens'));
    socket.once('timeout', () => end('bad', 'DATABASE_URL: no answer within 5 s', fault));
    socket.once('error', (error) => end('bad', `DATABASE_URL: ${error.code ?? error.message}`, fault));
  });
}

function checkDisk() {
  // Not in the Node.js versions that are too old anyway, on which the doctor has to speak all the same.
  if (!fs.statfsSync) return;
  const { bavail, bsize } = fs.statfsSync(root);
  const free = bavail * bsize;
  const text = `${(free / 1024 ** 3).toFixed(1)} GiB free on disk`;
  if (free >= WANTED_BYTES) say('good', text);
  else say('bad', text, 'Below 5 GiB the worker takes no tasks. Make room, or set DISK_MIN_FREE (bytes).');
}

function checkAgents() {
  for (const [program, how] of Object.entries(AGENTS)) {
    const version = versionOf(program, settings.given.PATH);
    if (version === null) say('note', `${program} not found`, how);
    else say('good', `${program} ${version}`);
  }
}

function section(title) {
  console.log(`\n${title}`);
}

/**
 * @param {keyof typeof MARKS} kind
 * @param {string} text
 * @param {string | null} [hint] what to do
 */
function say(kind, text, hint) {
  if (kind === 'bad') faults += 1;
  const [mark, colour] = MARKS[kind];
  const shown = process.stdout.isTTY ? `\x1b[${colour}m${mark}\x1b[0m` : mark;
  console.log(`  ${shown}  ${text}`);
  if (hint) console.log(hint.replace(/^/gm, '        '));
}
