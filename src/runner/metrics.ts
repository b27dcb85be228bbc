import type { StatsFs } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { Metrics } from './protocol.js';

/** Figures of this machine, taken anew for each heartbeat. */
export class MachineMetrics {
  private before = cpuTimes();

  /** `diskMinFree` is how many bytes have to be free for anything to begin; null where nothing is begun. */
  constructor(
    private readonly workerDirectory: string,
    private readonly diskMinFree: number | null,
  ) {}

  async take(): Promise<Metrics> {
    const disk = await statfs(this.workerDirectory);
    return {
      cpu_usage: this.cpuUsage(),
      memory_usage: percent(1 - (await availableMemory()) / totalmem()),
      disk_usage: usageOf(disk),
      ...this.room(freeOf(disk)),
      uptime_seconds: Math.floor(process.uptime()),
    };
  }

  private room(disk_free_bytes: number): Pick<Metrics, 'disk_free_bytes' | 'disk_low'> {
    return this.diskMinFree === null ? {} : { disk_free_bytes, disk_low: disk_free_bytes < this.diskMinFree };
  }

  /** Share of all cores that was busy since the last call. */
  private cpuUsage(): number {
    const now = cpuTimes();
    const total = now.total - this.before.total;
    const idle = now.idle - this.before.idle;
    this.before = now;
    return total === 0 ? 0 : percent(1 - idle / total);
  }
}

/** Free bytes an ordinary account may use on the disk of a directory. */
export const freeDisk = async (directory: string): Promise<number> => freeOf(await statfs(directory));

const freeOf = ({ bavail, bsize }: StatsFs): number => bavail * bsize;

function usageOf({ blocks, bfree, bavail }: StatsFs): number {
  const used = blocks - bfree;
  // As `df` counts: room kept for root is neither used nor available.
  return used + bavail === 0 ? 0 : percent(used / (used + bavail));
}

/** Memory that can be had without swapping; what `free` calls available, where the system tells it. */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return available === undefined ? freemem() : Number(available) * 1024;
}

function cpuTimes(): { total: number; idle: number } {
  let total = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    total += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  return { total, idle };
}

const percent = (share: number): number => Math.round(Math.min(Math.max(share, 0), 1) * 1000) / 10;
