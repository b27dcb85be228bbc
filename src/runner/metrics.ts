import type { StatsFs } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { Metrics } from './protocol.js';

/** Figures of this machine, taken anew for each heartbeat. */
export class MachineMetrics {
  /** `diskMinFree` is how many bytes have to be free for anything to begin; null where nothing is begun. */
  constructor(
    private readonly workerDirectory: string,
    private readonly diskMinFree: number | null,
    private readonly processors = new ProcessorUsage(),
  ) {}

  async take(): Promise<Metrics> {
    const disk = await statfs(this.workerDirectory);
    const cpu_usage = this.processors.look();
    return {
      ...(cpu_usage === null ? {} : { cpu_usage }),
      memory_usage: percent(1 - (await availableMemory()) / totalmem()),
      disk_usage: usageOf(disk),
      ...this.room(freeOf(disk)),
      uptime_seconds: Math.floor(process.uptime()),
    };
  }

  private room(disk_free_bytes: number): Pick<Metrics, 'disk_free_bytes' | 'disk_low'> {
    return this.diskMinFree === null ? {} : { disk_free_bytes, disk_low: disk_free_bytes < this.diskMinFree };
  }
}

/** What the processors did since the machine was started, in milliseconds of one of them. */
export interface ProcessorTimes {
  readonly total: number;
  readonly idle: number;
}

/** Less says more of chance than of the machine: the system counts in steps of up to 10 ms. */
const SHORTEST_MS = 500;

/** How busy the processors of this machine are, from one look to the next. */
export class ProcessorUsage {
  private before: ProcessorTimes;
  private measured: number | null = null;

  constructor(private readonly times: () => ProcessorTimes = processorTimes) {
    this.before = times();
  }

  /** Percent since the look before; soon after that what that one has found, and null when it is the first. */
  look(): number | null {
    const now = this.times();
    const total = now.total - this.before.total;
    // It goes back when a processor is taken away.
    if (total < 0) this.before = now;
    if (total < SHORTEST_MS) return this.measured;
    this.measured = percent(1 - (now.idle - this.before.idle) / total);
    this.before = now;
    return this.measured;
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

function processorTimes(): ProcessorTimes {
  const processors = cpus();
  let total = 0;
  let idle = 0;
  for (const { times } of processors) {
    total += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  const count = Math.max(processors.length, 1);
  return { total: total / count, idle: idle / count };
}

const percent = (share: number): number => Math.round(Math.min(Math.max(share, 0), 1) * 1000) / 10;
