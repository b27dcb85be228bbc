// A worker that is right, unless FAULT tells it to be wrong in one way: the examination must find each.
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { WrongChannel } from './wrong-channel.mjs';

const { MIYABI_URL: url, MIYABI_KEY: key, MIYABI_WORKER_NAME: name, FAULT: fault, WAY: way } = process.env;
const TRANSIENT = [408, 429, 500, 502, 503, 504];
const known = [];
let me = { id: '', token: '' };
let job = null;
let status = 'active';
const channel =
  way === 'channel'
    ? new WrongChannel({ url, token: () => (fault === 'uses its key' ? key : me.token), fault, heed })
    : null;

/** Asks until there is an answer. `once` gives up after the first try, with null. */
async function call(path, body, { token = me.token, once = false } = {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      const isWord = channel !== null && path !== '/workers';
      const { status: code, json } = await (isWord ? channel.say(path, body()) : request(path, body(), token));
      if (code === 503 && fault === 'dies on 503') process.exit(1);
      if (code < 300) return heed(json);
      if (!TRANSIENT.includes(code)) return { status: code, ...json };
    } catch {
      if (fault === 'dies without a server') process.exit(1);
    }
    if (once) return null;
    if (fault !== 'hammers a server that is away') await sleep(Math.min(2000, 200 * 2 ** tries));
  }
}

async function request(path, body, token) {
  const address = `${url}/api/v1${path}${fault === 'token in an address' && me.token ? `?token=${me.token}` : ''}`;
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, json: await answer.json() };
}

function heed(answer) {
  if (fault === 'trips over what is new' && 'of_tomorrow' in answer) process.exit(1);
  if (answer.desired_status && status !== 'leaving') status = answer.desired_status;
  if (job && answer.lost?.includes(job.id) && fault !== 'ignores lost') end('lost');
  if (job && answer.cancel?.includes(job.id) && fault !== 'ignores cancel') end('cancelled');
  return answer;
}

function end(verdict) {
  if (!job) return;
  job.verdict ??= verdict;
  try {
    if (job.child?.pid) process.kill(-job.child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

async function beat() {
  for (;;) {
    const running = job ? [job.id] : [];
    const listed = { 'renews everything': known, 'renews nothing': [] }[fault] ?? running;
    const token = fault === 'uses its key' ? key : me.token;
    if (fault !== 'is silent')
      await call(`/workers/${me.id}/heartbeat`, () => ({ executions: listed.map((id) => ({ id })) }), {
        token,
        once: true,
      });
    await sleep(900);
  }
}

async function work(grant, directory) {
  const { repository, task, branch, base_ref } = grant;
  const auth = `Authorization: Basic ${Buffer.from(`${job.id}:${me.token}`).toString('base64')}`;
  const env = { ...process.env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: auth };
  // It beats meanwhile.
  const git = (...args) =>
    promisify(execFile)('git', ['-c', 'user.name=w', '-c', 'user.email=w@localhost', ...args], { cwd: directory, env });
  if (repository) {
    // Its own server may be this very process in the test's eyes, but git speaks to it over the network like any other.
    await git('clone', '-q', repository.clone_url, '.');
    await git('checkout', '-q', '-b', branch, `origin/${base_ref}`);
  }
  const [file, ...args] = task.metadata.command;
  const { PATH, HOME } = process.env;
  const child = spawn(file, args, {
    cwd: directory,
    env: { PATH, HOME },
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  job.child = child;
  let offset = 0;
  if (fault === 'sends all at once') {
    const entries = [];
    for await (const message of createInterface({ input: child.stdout })) entries.push({ message });
    offset = (await call(`/executions/${job.id}/logs`, () => ({ offset, entries }))).next_offset;
  } else for await (const message of createInterface({ input: child.stdout })) offset = await log(offset, message);
  const code = await ended;
  const report = { outcome: code === 0 ? 'completed' : 'failed', exit_code: code ?? -1, log_entries: offset };
  if (code !== 0) Object.assign(report, { failure_reason: 'agent_error', error_message: 'it failed' });
  if (repository && code === 0 && fault !== 'pushes nothing') {
    await git('add', '--all');
    await git('commit', '-q', '-m', task.name);
    await git('push', '-q', 'origin', `HEAD:refs/heads/${branch}`);
    report.commit_sha = (await git('rev-parse', 'HEAD')).stdout.trim();
  }
  return report;
}

async function log(offset, message) {
  const send = (at, options) =>
    call(`/executions/${job.id}/logs`, () => ({ offset: at, entries: [{ message }] }), options);
  const isCareless = ['says twice what was not answered', 'leaves out what was not answered'].includes(fault);
  const answer = await send(offset, { once: isCareless });
  if (answer !== null) return answer.next_offset ?? offset + 1;
  if (fault === 'leaves out what was not answered') return offset + 1;
  return (await send(offset + 1)).next_offset ?? offset + 2;
}

async function run(grant) {
  const directory = mkdtempSync(join(tmpdir(), 'wrong-worker-'));
  const { id } = grant.execution;
  job = { id, verdict: null, child: null };
  known.push(id);
  let report = await work(grant, directory).catch((error) => ({
    outcome: 'failed',
    failure_reason: 'git',
    error_message: String(error).slice(0, 900),
  }));
  const { verdict } = job;
  if (verdict !== null) report = { outcome: verdict };
  if (verdict === 'cancelled' && fault === 'calls a cancellation a failure')
    report = { outcome: 'failed', failure_reason: 'agent_error' };
  const finish = (said, options) => call(`/executions/${id}/finish`, () => said, options);
  if (verdict !== 'lost') await finish(report, { once: fault === 'says an end only once' });
  else if (fault === 'talks about what is lost')
    for (let tries = 0; tries < 8; tries += 1) await finish({ outcome: 'completed' });
  if (fault === 'says two ends') await finish({ outcome: 'failed', failure_reason: 'agent_error' });
  if (fault === 'talks after the end')
    await call(`/executions/${id}/logs`, () => ({
      offset: report.log_entries ?? 0,
      entries: [{ message: 'one more' }],
    }));
  job = null;
  rmSync(directory, { recursive: true, force: true });
}

process.on('SIGTERM', () => {
  if (fault === 'leaves its agents behind' || job === null) process.exit(0);
  status = 'leaving';
  end('released');
});

const registration = { name, protocol: 1, capacity: 1, agent_types: ['script'], replace: true };
const { worker, token } = await call('/workers', () => registration, { token: key });
me = { id: worker.id, token };
void beat();
while (!['leaving', ...(fault === 'outlives a drain' ? [] : ['stopped'])].includes(status)) {
  // Over the channel it is told when that is over.
  if (channel !== null && status === 'paused') {
    await sleep(50);
    continue;
  }
  const request_key = randomUUID();
  const wish = () => ({
    max: 1,
    wait_seconds: 10,
    request_key: fault === 'forgets its claims' ? randomUUID() : request_key,
  });
  const { executions = [] } = await call(`/workers/${me.id}/claim`, wish);
  for (const grant of executions) await run(grant);
  if (status !== 'active' && fault !== 'hammers while paused') await sleep(1000);
}
process.exit(fault === 'takes a drain for a fault' ? 1 : 0);
