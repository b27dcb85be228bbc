// Runs checks, some at a time, and tells of each as it ends.
import { runProgram } from '../run-program.mjs';

/** @typedef {{ name: string, command: string[] }} Check program and arguments, no shell */

/**
 * @param {Check[]} checks begun in this order: the longest first
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, atOnce: number, signal: AbortSignal }} options
 * @returns {Promise<{ passed: number, failed: number }>} those not begun because of `signal` count as failed
 */
export async function runChecks(checks, { cwd, env, atOnce, signal }) {
  const waiting = [...checks];
  let passed = 0;
  const turn = async () => {
    for (let check = waiting.shift(); check && !signal.aborted; check = waiting.shift()) {
      const began = performance.now();
      const { fault, output } = await runProgram(check.command, { cwd, env, signal });
      report(check.name, (performance.now() - began) / 1000, fault, output);
      if (fault === null) passed += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, turn));
  return { passed, failed: checks.length - passed };
}

/** Output is of interest only when something is wrong. */
function report(name, seconds, fault, output) {
  console.log(`${fault === null ? 'ok  ' : 'FAIL'} ${name.padEnd(28)} ${seconds.toFixed(1).padStart(5)} s`);
  if (fault === null) return;
  const text = output.trimEnd().replace(/^\n+/, '') || fault;
  console.log(text.replace(/^/gm, '     '));
}
