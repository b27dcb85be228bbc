import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { figure } from './figures.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'day-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('a day of a fleet ends with every task in its right state, every commit there, and nothing left over', async () => {
  const picture = join(directory, 'day.svg');
  const demo = spawn(process.execPath, [join(import.meta.dirname, '..', 'scripts', 'demo.mjs'), '--picture', picture], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  demo.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const [code] = (await once(demo, 'close')) as [number | null];
  const facts = said.split('\n').filter((line) => /^(ok|WRONG) /.test(line));
  expect({ code, wrong: facts.filter((line) => line.startsWith('WRONG')) }).toEqual({ code: 0, wrong: [] });
  expect(facts).toHaveLength(7);
  figure(null, 'facts at the end of a day that hold', `${String(facts.length)} of ${String(facts.length)}`);
  const drawn = readFileSync(picture, 'utf8');
  for (const name of ['export', 'schema', 'api', 'page', 'search', 'import', 'report', 'release'])
    expect(drawn).toContain(`>${name}</text>`);
});
