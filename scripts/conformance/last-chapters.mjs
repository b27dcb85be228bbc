// How a worker comes to its end.
import { expectOneWhole } from './expectations.mjs';

/** A stop has half a minute: agents get 10 s, and results must be told. */
const STOP_MS = 30_000;

/** @type {Record<string, { about: string, run: import('./chapters.mjs').Chapter }>} */
export const LAST_CHAPTERS = {
  stop: { about: 'is asked to end (SIGTERM)', run: stop },
  drain: { about: 'is started again and drained', run: drain },
};

async function stop(exam, fault) {
  const { mark, script } = exam.endless();
  const id = await exam.give(script, { mark });
  try {
    const execution = await exam.execution(id);
    await exam.said(execution, 'started');
    exam.mayEnd = true;
    exam.silences.push([Date.now(), Infinity]);
    exam.subject.terminate();
    await exam.until(() => exam.subject.end !== null, 'it still ran 30 s after SIGTERM', STOP_MS);
    if (exam.alive(mark).length > 0) fault('stop', 'it ended and left the command that it had started');
    const { status } = await exam.owner.get(`/executions/${execution}`);
    if (status === 'running')
      fault(
        'stop',
        'it ended without handing back what it ran (finish with the outcome `released`): its task waits until the lease ends',
      );
  } finally {
    await exam.clear(mark);
    await exam.owner.post(`/tasks/${id}/cancel`).catch(() => undefined);
  }
}

async function drain(exam, fault) {
  if (exam.subject.end === null) await exam.subject.kill();
  exam.start();
  const worker = await exam.worker();
  const id = await exam.give('echo started; sleep 1; echo over');
  const execution = await exam.execution(id);
  await exam.said(execution, 'started');
  await exam.owner.post(`/workers/${worker}/drain`);
  exam.mayEnd = true;
  await expectOneWhole(exam, fault, 'drain', id, execution, ['started', 'over']);
  await exam.until(() => exam.subject.end !== null, 'it was drained, ran nothing any more, and did not end');
  if (exam.subject.end !== 'exit code 0')
    fault('drain', `it was drained, and ended with ${exam.subject.end} instead of exit code 0`);
}
