import { tmpdir } from 'node:os';
import { MachineMetrics, ProcessorUsage, type ProcessorTimes } from './metrics.js';

describe('ProcessorUsage', () => {
  let now: ProcessorTimes;
  let usage: ProcessorUsage;
  beforeEach(() => {
    now = { total: 1_000_000, idle: 900_000 };
    usage = new ProcessorUsage(() => now);
  });
  const pass = (milliseconds: number, idle: number): number | null => {
    now = { total: now.total + milliseconds, idle: now.idle + idle };
    return usage.look();
  };

  it('knows nothing before it has watched for a while', () => {
    expect([usage.look(), pass(10, 10), pass(489, 0)]).toEqual([null, null, null]);
    // All the time since the first look counts, also that of the looks that came too soon.
    expect(pass(1, 0)).toBe(98);
  });

  it('tells what was busy since the look before, not since the machine was started', () => {
    expect([pass(15_000, 3_000), pass(15_000, 15_000), pass(15_000, 0)]).toEqual([80, 0, 100]);
  });

  it('tells again what it has found when it is asked too soon after', () => {
    pass(15_000, 3_000);
    expect([usage.look(), pass(100, 100)]).toEqual([80, 80]);
  });

  it('stays between nothing and all where the system counts backwards', () => {
    expect([pass(1000, -1), pass(1000, 1001), pass(-5000, 0), pass(1000, 250)]).toEqual([100, 0, 0, 75]);
  });
});

describe('MachineMetrics', () => {
  it('leaves out of its first figures how busy the processors are, and has all others', async () => {
    let total = 0;
    const metrics = new MachineMetrics(tmpdir(), null, new ProcessorUsage(() => ({ total, idle: 0 })));
    expect(Object.keys(await metrics.take())).toEqual(['memory_usage', 'disk_usage', 'uptime_seconds']);
    total = 15_000;
    expect(await metrics.take()).toMatchObject({ cpu_usage: 100 });
  });
});
