import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { ExecutionDirectory } from '../execution-directory.js';
import { newId } from '../../ids.js';
import { isToBeHeardOf, noteUnheard, retireDirectory } from './worker-directories.js';

const log = pino({ enabled: false });
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'worker '));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('a worker whose last run came to nothing is still to be heard of', async () => {
  expect(await isToBeHeardOf(directory)).toBe(false);
  await noteUnheard(directory);
  expect(await isToBeHeardOf(directory)).toBe(true);
});

it('a worker that was heard of is not run once more, also where its directory stays', async () => {
  await noteUnheard(directory);
  const execution = ExecutionDirectory.of(directory, newId());
  await execution.create();
  await retireDirectory(directory, log);
  expect(existsSync(execution.path)).toBe(true);
  expect(await isToBeHeardOf(directory)).toBe(false);
  await rm(execution.path, { recursive: true });
  await retireDirectory(directory, log);
  expect(existsSync(directory)).toBe(false);
});
