import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setDue } from '../http/answer-due.js';
import { gitTime, withinGitTime } from './git-time.js';

const { signal } = new AbortController();
const dueIn = (ms: number): AbortSignal => {
  const { signal: gone } = new AbortController();
  setDue(gone, performance.now() + ms);
  return gone;
};

it('leaves room for the answer, however long there was to wait before', () => {
  expect(gitTime(signal)).toBe(4500);
  expect(gitTime(dueIn(60_000))).toBe(4500);
  expect(gitTime(dueIn(4700))).toBeLessThanOrEqual(4000);
  expect(gitTime(dueIn(1500))).toBeLessThanOrEqual(800);
  expect(gitTime(dueIn(-1000))).toBe(100);
});

it('says that git took too long when an answer is due', async () => {
  const work = (until: AbortSignal): Promise<never> =>
    new Promise((_, reject) => until.addEventListener('abort', () => reject(until.reason as Error)));
  await expect(withinGitTime(dueIn(0), work)).rejects.toMatchObject({ code: 'git/failed', reason: 'timeout' });
});

it('keeps the time though memory is cleaned up meanwhile', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const work = (until: AbortSignal): Promise<never> =>
    new Promise((_, reject) => until.addEventListener('abort', () => reject(until.reason as Error)));
  const ended = withinGitTime(dueIn(0), work);
  const cleaning = setInterval(collect, 5);
  try {
    await expect(ended).rejects.toMatchObject({ code: 'git/failed', reason: 'timeout' });
  } finally {
    clearInterval(cleaning);
  }
});
