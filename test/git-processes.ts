import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export interface LiveProcess {
  id: number;
  parent: number;
  group: number;
  command: string;
}

/** Processes of this machine that are alive; zombies are not. Linux only. */
export function liveProcesses(): LiveProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (state === 'Z') return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
        return [{ id: Number(name), parent: Number(parent), group: Number(group), command }];
      } catch {
        // It ended between the listing and the reading.
        return [];
      }
    });
}

/** Waits until a fact holds. Throws when it does not within `ms`. */
export async function until(fact: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const began = performance.now();
  while (!(await fact())) {
    if (performance.now() - began > ms) throw new Error('what was waited for did not come about');
    await pause(20);
  }
}
