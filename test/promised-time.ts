import { expect } from '@jest/globals';
import { figure } from './figures.js';
import { FULL } from './scale.js';

/** What is promised of a first page of anything that is read off a history, and of the git of a client that goes away. */
export const PAGE_MS = 1000;
export const GONE_MS = 2000;

const SPIN_MS = 100;
const TRIES = 5;

/**
 * How many times longer work takes here because others use the processor at this moment: the time that a loop takes, by
 * the time that it is on the processor for. 1 on a machine that does nothing else, however slow that is.
 */
export function crowding(): number {
  const [began, before] = [performance.now(), process.cpuUsage()];
  while (performance.now() - began < SPIN_MS);
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, (performance.now() - began) / Math.max(1, (user + system) / 1000));
}

/** The best of some times, as what is done beside them is no part of it, and how crowded the machine was meanwhile. */
export interface Measured {
  ms: number;
  crowding: number;
}

export async function measured(work: () => Promise<unknown>, tries = TRIES): Promise<Measured> {
  const times: number[] = [];
  const crowds = [crowding()];
  for (let at = 0; at < tries; at += 1) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
    crowds.push(crowding());
  }
  return { ms: Math.min(...times), crowding: crowds.reduce((sum, one) => sum + one, 0) / crowds.length };
}

/** Whether a time is within what is promised of a machine that is not crowded. */
export const isWithin = ({ ms, crowding: by }: Measured, limit_ms: number): boolean => ms <= limit_ms * by;

/** Prints a time; at full size it must be within what is promised. */
export function promiseTime(what: string, time: Measured, limit_ms: number): void {
  const told = `${time.ms.toFixed(0)} ms of ${String(limit_ms)}`;
  figure(null, what, time.crowding < 1.05 ? told : `${told}, on a machine ${time.crowding.toFixed(1)} × as crowded`);
  if (FULL) expect([what, time, isWithin(time, limit_ms)]).toEqual([what, time, true]);
}
