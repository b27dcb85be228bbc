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
    return {
      cpu_usage: this.cpuUsage(),
      memory_usage: percent(1 - (await availableMemory()) / totalmem()),
      disk_usage: await diskUsage(this.workerDirectory),
      ...(await this.room()),
      uptime_seconds: Math.floor(process.uptime()),
    };
  }

  private async room(): Promise<Pick<Metrics, 'disk_free_bytes' | 'disk_low'>> {
    if (this.diskMinFree === null) return {};
    const free = await freeDisk(this.workerDirectory);
    return { disk_free_bytes: free, disk_low: free < this.diskMinFree };
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
export async function freeDisk(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

async function diskUsage(directory: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(directory);
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
