// `npm run start:dev`: brings up everything, keeps it running, and leaves nothing behind.
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureBuilt } from './build.mjs';
import { startDatabase } from './development/database.mjs';
import { choosePort } from './development/port.mjs';
import { endAgents, endEarlierRun, readRunRecord, RunRecord } from './development/run-record.mjs';
import { Service } from './development/service.mjs';
import { fleetEnvironment, readSettings, serverEnvironment } from './development/settings.mjs';
import { onStopRequest } from './development/stop-request.mjs';
import { startWatcher } from './development/watcher.mjs';
import { welcome } from './development/welcome.mjs';
import { ensureInstalled } from './install.mjs';
import { takeLock } from './lock.mjs';
import { findListener, portState } from './ports.mjs';
import { enterableDirectory } from './postgres/directories.mjs';
import { requireTools } from './requirements.mjs';
import { dataDirectory, root } from './root.mjs';

const PORT_ATTEMPTS = 5;
// An API finishes its requests in 8 s; workers give their agents 10 s and then report how they ended.
const SERVER_STOPS_WITHIN_MS = 12_000;
const FLEET_STOPS_WITHIN_MS = 28_000;

const began = Date.now();
const stopping = new AbortController();
/** @type {(() => Promise<void> | void)[]} last started, first ended */
const cleanUps = [];
/** @type {Service[]} */
const services = [];

onStopRequest({
  stop: (why) => {
    console.log(`\nStopping (${why}).`);
    stopping.abort();
  },
  hurry: () => services.forEach((service) => service.hurry()),
});

let exitCode = 0;
try {
  await bringUp(stopping.signal);
  if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
} catch (error) {
  if (!stopping.signal.aborted) {
    console.error(`\n${error.message}`);
    exitCode = 1;
  }
}
while (cleanUps.length > 0) await cleanUps.pop()?.();
if (stopping.signal.aborted) console.log('Everything has stopped.');
process.exit(exitCode);

/** @param {AbortSignal} signal */
async function bringUp(signal) {
  requireTools();
  // Root runs PostgreSQL as another account, which must be able to pass.
  enterableDirectory(dataDirectory);
  cleanUps.push(takeRunLock().release);
  await endEarlierRun();
  await ensureInstalled(signal);
  const settings = readSettings();
  // Before the build, which takes longer: a taken port is said at once.
  const choice = await choosePort(settings);
  await ensureBuilt(signal);

  const record = new RunRecord();
  const database = await bringUpDatabase(settings.given.DATABASE_URL, record);
  signal.throwIfAborted();
  const { api, url, env } = await bringUpServer(settings, choice, database.url, record, signal);
  record.setUrl(url);

  cleanUps.push(endAgents);
  const fleet = new Service({
    name: 'coordinator',
    args: nodeArguments('runner/coordinator/main.js'),
    env: fleetEnvironment(settings, { url, key: env.WORKER_REGISTRATION_KEY ?? '' }),
    stopWithinMs: FLEET_STOPS_WITHIN_MS,
    endedMeans:
      'The local workers have ended as they were told to, through the API or by SIGTERM; start anew to have them back.',
    record,
  });
  keep(fleet);
  await fleet.start(signal);

  const onChange = async (changed) => {
    const concerned = [changed.server ? 'the API' : [], changed.fleet ? 'the workers' : []].flat();
    console.log(`Loading the change into ${concerned.join(' and ')}.`);
    if (changed.server) await api.restart();
    if (changed.fleet) await fleet.restart();
  };
  const watcher = startWatcher({ record, onChange });
  cleanUps.push(watcher.stop);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(welcome({ url, seconds, mockLogin: settings.mockLogin, database: database.about, dataDirectory }));
}

function takeRunLock() {
  const lock = takeLock(join(dataDirectory, 'lock'));
  if (!('holder' in lock)) return lock;
  const { url } = readRunRecord();
  throw new Error(
    `npm run start:dev is already running here${url ? `, at ${url}` : ''}: process ${lock.holder.pid}.\n` +
      `Stop it with Ctrl-C or "kill ${lock.holder.pid}", or start from another clone.`,
  );
}

async function bringUpDatabase(given, record) {
  if (given) return { url: given, about: 'the one that DATABASE_URL names' };
  const database = await startDatabase(record);
  cleanUps.push(database.stop);
  return database;
}

async function bringUpServer(settings, firstChoice, databaseUrl, record, signal) {
  let choice = firstChoice;
  for (let attempt = 1; ; attempt += 1) {
    const { port, asked } = choice;
    const url = `http://${urlHost(settings.host)}:${port}`;
    const env = serverEnvironment(settings, { port, databaseUrl });
    const api = new Service({
      name: 'API',
      args: nodeArguments('main.js'),
      env,
      stopWithinMs: SERVER_STOPS_WITHIN_MS,
      isReady: (pid) => isReady(url, port, pid),
      record,
    });
    const forget = keep(api);
    try {
      await api.start(signal);
      return { api, url, env };
    } catch (error) {
      signal.throwIfAborted();
      forget();
      // Another clone that starts at the same moment may have taken the port between our look and our bind.
      const lostRace = !asked && (await portState(port, settings.host)) === 'taken';
      if (!lostRace || attempt === PORT_ATTEMPTS) {
        throw new Error(`The API did not start (${error.message}); what it said is above.`);
      }
      choice = await choosePort(settings);
    }
  }
}

/** @param {Service} service */
function keep(service) {
  services.push(service);
  const stop = () => service.stop();
  cleanUps.push(stop);
  return () => {
    cleanUps.splice(cleanUps.indexOf(stop), 1);
    services.splice(services.indexOf(service), 1);
  };
}

function nodeArguments(entry) {
  return ['--enable-source-maps', join(root, 'dist', 'src', entry)];
}

/** Ready, and by our process: a stranger on this port may well answer too. */
async function isReady(url, port, pid) {
  try {
    const answer = await fetch(`${url}/api/v1/health/ready`, { signal: AbortSignal.timeout(1000) });
    await answer.arrayBuffer();
    return answer.status === 200 && [undefined, pid].includes(findListener(port)?.pid);
  } catch {
    // Not listening yet.
    return false;
  }
}

/** The address to reach a server at that listens on `host`. */
function urlHost(host) {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
