// What a worker is put through that speaks over the channel (docs/worker-channel.md).
import { SETTLING_MS } from './exam.mjs';
import { expectOneWhole, MOST_AT_ONCE, soon, timesOf } from './expectations.mjs';

/** Who opens a channel again this soon after a refusal, and does so several times, does not wait. */
const SOON_MS = 300;
const REFUSED_MS = 4000;
/** The lease of what it runs ends after a minute of silence. */
const HALF_OPEN_MS = 50_000;

/** @type {Record<string, { about: string, run: import('./chapters.mjs').Chapter, isOfChannel: true }>} */
export const CHANNEL_CHAPTERS = {
  cut: { about: 'its channel is closed, and refused for a while', run: cut, isOfChannel: true },
  'half-open': { about: 'its channel is dead, and nobody tells', run: halfOpen, isOfChannel: true },
};

async function cut(exam, fault) {
  const { id, execution } = await begin(exam);
  const from = Date.now();
  exam.recorder.channelRefusal = 503;
  for (const tap of exam.recorder.taps) tap.takeLeave();
  await exam.pause(REFUSED_MS);
  exam.recorder.channelRefusal = null;
  const until = Date.now();
  exam.silences.push([from, until + SETTLING_MS]);
  const tries = exam.recorder.calls.filter(({ verb, at }) => verb === 'channel' && at >= from && at <= until);
  if (soon(tries.map(timesOf), SOON_MS) > MOST_AT_ONCE)
    fault('cut', 'it opens its channel again and again without a pause while the server refuses it with 503');
  await expectOneWhole(exam, fault, 'cut', id, execution, ['started', 'over']);
  await isHeard(exam, until, 'after its channel was closed it was not heard any more, neither there nor by requests');
}

async function halfOpen(exam, fault) {
  const { id, execution } = await begin(exam);
  const from = Date.now();
  for (const tap of exam.recorder.taps) tap.freeze();
  try {
    await isHeard(
      exam,
      from,
      'its channel was dead, and it did not notice in time: a word without an answer or a ping without a pong says so, ' +
        'and everything may be said again by requests or over another channel',
    );
  } finally {
    exam.silences.push([from, Date.now() + SETTLING_MS]);
    for (const tap of exam.recorder.taps) if (tap.isFrozen) tap.cut();
  }
  await expectOneWhole(exam, fault, 'half-open', id, execution, ['started', 'over']);
}

/** Something that runs while the channel goes. */
async function begin(exam) {
  const isOpen = () => [...exam.recorder.taps].some((tap) => tap.isOpen);
  await exam.until(isOpen, 'its channel was closed, and it did not open it again');
  const id = await exam.give('echo started; sleep 2; echo over');
  const execution = await exam.execution(id);
  await exam.said(execution, 'started');
  return { id, execution };
}

/** Resolves when a heartbeat was answered that was sent after this moment. */
const isHeard = (exam, from, otherwise) =>
  exam.until(
    () => exam.words.some(({ verb, taken, at }) => verb === 'heartbeat' && taken && at > from),
    otherwise,
    Math.min(HALF_OPEN_MS, 2 * exam.patienceMs),
  );
