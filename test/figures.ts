import { appendFileSync } from 'node:fs';
import { FULL } from './scale.js';

/** Which promise, what was counted, and what came of it. */
interface Figure {
  /** Its number; null for what stands in no list of promises. */
  promise: number | null;
  what: string;
  value: string;
}

const SAY_EVERY_MS = 5000;

/** Prints a measured figure; `npm run verify` gathers them all in one table. */
export function figure(promise: number | null, what: string, ...value: (string | number)[]): void {
  const line: Figure = { promise, what, value: value.join(' ') };
  process.stdout.write(`${promise === null ? 'figure' : `promise ${String(promise)}`}: ${what}: ${line.value}\n`);
  const file = process.env['VERIFY_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Says now and then how far a long proof has come. Call what it gives once for each round. */
export function progress(what: string, total: number): () => void {
  let done = 0;
  let said = Date.now();
  return () => {
    done += 1;
    if (!FULL || Date.now() - said < SAY_EVERY_MS) return;
    said = Date.now();
    process.stdout.write(`  ${what}: ${String(done)} of ${String(total)}\n`);
  };
}
