// Runs a program to its end.
import { spawn } from 'node:child_process';

/**
 * @param {string[]} command program and arguments, no shell
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean, signal?: AbortSignal }} [options] `show` = let its
 *   output through instead of keeping it; `signal` ends it
 * @returns {Promise<{ fault: string | null, output: string }>} fault = how it failed
 */
export function runProgram([program, ...args], { cwd, env, show = false, signal } = {}) {
  const stdio = show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'];
  const child = spawn(program, args, { cwd, env, stdio, signal });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ fault: error.message, output }));
    child.once('close', (code, killed) =>
      resolve({ fault: code === 0 ? null : (killed ?? `exit code ${code}`), output }),
    );
  });
}

/** The npm that runs this script, else the one on the PATH. */
export const npmCommand = () =>
  process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
