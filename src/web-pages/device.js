// The page on which people approve devices (RFC 8628 §3.3). Addresses are relative: PUBLIC_URL may have a path.

const SECTIONS = ['waiting', 'sign-in', 'enter', 'confirm', 'result'];
const AWAY = 'The server cannot be reached. Check your connection and try again.';

/** The access token stays in memory; the refresh token in a cookie that no script can read. */
let token = null;
/** Who is signed in, and where they work. */
let me = null;

const element = (id) => document.getElementById(id);
const codeField = element('user-code');

/** Shows one section, and takes those who cannot see it there. */
function show(section) {
  for (const id of SECTIONS) element(id).hidden = id !== section;
  element(`${section}-title`)?.focus();
}

function say(text) {
  const problem = element('problem');
  problem.hidden = text === '';
  problem.textContent = text;
}

/** Calls the API; gives status, body and, where too much was asked, the seconds to wait. */
async function call(method, path, body) {
  const headers = {};
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await fetch(`api/v1/${path}`, { method, headers, body: JSON.stringify(body) });
  const json = await answer.json().catch(() => ({}));
  return { status: answer.status, body: json, wait: Number(answer.headers.get('Retry-After') ?? 0) };
}

/** A refresh token works once, so two tabs must not send the same one: the second waits for the cookie of the first. */
function refresh() {
  const send = () => call('POST', 'auth/refresh');
  return navigator.locks === undefined ? send() : navigator.locks.request('miyabi-refresh', send);
}

/** In words, what went wrong. */
function explain({ status, body, wait }) {
  if (status === 404)
    return 'No device waits with this code. Compare it with what the device shows; codes are good for 15 minutes.';
  if (status === 409) return 'You have answered this device already.';
  if (status === 429) {
    const minutes = Math.ceil(wait / 60);
    return `Too many attempts. Try again in ${minutes <= 1 ? 'a minute' : `${minutes} minutes`}.`;
  }
  if (status === 503) return 'The server is busy or its database is away. Try again in a moment.';
  return body.detail ?? 'Something went wrong. Try again.';
}

/** Runs what a button does: one at a time, and with whatever fails said. */
async function act(work) {
  const buttons = [...document.querySelectorAll('button')];
  say('');
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch {
    say(AWAY);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** Goes on as whoever the token is for. */
async function begin(pair) {
  token = pair.access_token;
  const answer = await call('GET', 'auth/me');
  if (answer.status !== 200) {
    say(explain(answer));
    await offerSignIn();
    return;
  }
  me = answer.body;
  element('person-login').textContent = me.user.login;
  element('person').hidden = false;
  show('enter');
  codeField.focus();
}

async function offerSignIn() {
  token = null;
  element('person').hidden = true;
  const { status, body: methods } = await call('GET', 'auth/methods');
  const github = status === 200 && methods.github;
  const mock = status === 200 && methods.mock;
  const code = codeField.value.trim();
  const back = code === '' ? '/device' : `/device?user_code=${encodeURIComponent(code)}`;
  element('github-link').href = `api/v1/auth/github?redirect=${encodeURIComponent(back)}`;
  element('github').hidden = !github;
  element('mock').hidden = !mock;
  element('no-method').hidden = github || mock;
  show('sign-in');
}

/** Says why a step failed. Who is not signed in any more is asked to do so again. */
async function fail(answer) {
  if (answer.status !== 401) {
    say(explain(answer));
    return;
  }
  const refreshed = await refresh();
  if (refreshed.status === 200) {
    await begin(refreshed.body);
    return;
  }
  await offerSignIn();
  say('Your session has ended. Sign in again.');
}

/** Finds out who is signed in; until that is known there is nothing to do here but to try again. */
async function start() {
  element('retry').hidden = true;
  element('moment').hidden = false;
  try {
    const refreshed = await refresh();
    if (refreshed.status === 200) await begin(refreshed.body);
    else if (refreshed.status < 429) await offerSignIn();
    else say(explain(refreshed));
  } finally {
    element('moment').hidden = true;
    element('retry').hidden = false;
  }
}

async function signInWithoutGithub() {
  const body = { github_id: element('mock-id').value.trim(), email: element('mock-email').value.trim() };
  const answer = await call('POST', 'auth/mock', body);
  if (answer.status === 200) await begin(answer.body);
  else say(explain(answer));
}

async function lookUp() {
  const answer = await call('POST', 'auth/device/lookup', { user_code: codeField.value });
  if (answer.status !== 200) {
    await fail(answer);
    codeField.focus();
    return;
  }
  const { client_name, ip, created_at, status } = answer.body;
  if (status !== 'pending') {
    finish(status);
    return;
  }
  const letters = codeField.value.toUpperCase().replace(/[^A-Z]/g, '');
  element('confirm-code').textContent = `${letters.slice(0, 4)}-${letters.slice(4)}`;
  element('confirm-client').textContent = client_name;
  element('confirm-ip').textContent = ip ?? 'unknown';
  element('confirm-time').dateTime = created_at;
  element('confirm-time').textContent = new Date(created_at).toLocaleString();
  element('confirm-login').textContent = me.user.login;
  element('confirm-organization').textContent = me.organization.name;
  show('confirm');
}

async function answerDevice(approve) {
  const answer = await call('POST', 'auth/device/approve', { user_code: codeField.value, approve });
  if (answer.status === 200) finish(answer.body.status);
  else await fail(answer);
}

function finish(status) {
  const denied = status === 'denied';
  element('result-title').textContent = denied ? 'Denied' : 'Approved';
  element('result-text').textContent = denied
    ? 'The device is not signed in. If you do not know where the request came from, nothing more has to be done.'
    : 'The device will be signed in within a few seconds. You can close this page.';
  show('result');
}

function onSubmit(id, work) {
  element(id).addEventListener('submit', (event) => {
    event.preventDefault();
    void act(work);
  });
}

onSubmit('mock', signInWithoutGithub);
onSubmit('enter-form', lookUp);
element('approve').addEventListener('click', () => void act(() => answerDevice(true)));
element('deny').addEventListener('click', () => void act(() => answerDevice(false)));
element('again').addEventListener('click', () => {
  codeField.value = '';
  say('');
  show('enter');
  codeField.focus();
});
element('retry-button').addEventListener('click', () => void act(start));
codeField.value = new URLSearchParams(location.search).get('user_code') ?? '';
void act(start);
