import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Service } from '../scripts/development/service.mjs';
import { findProcess } from '../scripts/processes.mjs';
import { eventually } from './eventually.js';

let directory: string;
let said: string[];
const services: Service[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'service-'));
  said = [];
  jest.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

/** Keeps a program running that writes its pid down each time. */
async function keep(name: string, program: string): Promise<Service> {
  const file = JSON.stringify(join(directory, name));
  const service = new Service({
    name,
    args: ['-e', `require('node:fs').appendFileSync(${file}, process.pid + '\\n'); ${program}`],
    env: process.env,
    stopWithinMs: 5000,
    endedMeans: `${name} has ended as it was told to`,
    record: { set: () => undefined },
  });
  services.push(service);
  await service.start(new AbortController().signal);
  return service;
}

function pidsOf(name: string): number[] {
  try {
    return readFileSync(join(directory, name), 'utf8').trim().split('\n').map(Number);
  } catch {
    return [];
  }
}

describe('a service of development', () => {
  it('is started again when it fails, and left alone when it has ended in order', async () => {
    await keep('told to end', 'process.exit(0)');
    await eventually('its end was told', () => said.includes('told to end has ended as it was told to'));
    await keep('failing', 'process.exit(1)');
    // Each wait is as long as the first that the other would have had, or longer.
    await eventually('the other was started three times', () => pidsOf('failing').length === 3);
    expect(pidsOf('told to end')).toHaveLength(1);
  });

  it('in a hurry ends with whom it has started', async () => {
    const child = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`
      process.on('SIGTERM', () => undefined);
      require('node:fs').appendFileSync(process.argv[1], process.pid + '\\n');
      setInterval(() => undefined, 1000);
    `)}, ${JSON.stringify('PLACE')}], { detached: true, stdio: 'ignore' }); setInterval(() => undefined, 1000);`;
    const service = await keep('parent', child.replace('PLACE', join(directory, 'child')));
    await eventually('both were at work', () => pidsOf('parent').length === 1 && pidsOf('child').length === 1);
    service.hurry();
    const pids = [...pidsOf('parent'), ...pidsOf('child')];
    await eventually('both were gone', () => pids.every((pid) => findProcess(pid) === null));
  });
});
