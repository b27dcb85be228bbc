import { ServerClock } from './server-clock.js';

describe('ServerClock', () => {
  it.each([-10 * 365, -1 / 24, 0, 1 / 24, 10 * 365])('follows a server %d days away from this machine', (days) => {
    const clock = new ServerClock();
    const server = Date.now() + days * 86_400_000;
    clock.observe(new Date(server).toISOString(), performance.now());
    expect(Math.abs(clock.now() - server)).toBeLessThan(1000);
  });

  it('takes half of the round trip into account', () => {
    const clock = new ServerClock();
    const server = Date.now();
    clock.observe(new Date(server).toISOString(), performance.now() - 10_000);
    expect(clock.now() - server).toBeGreaterThanOrEqual(4999);
  });

  it('is not moved by a slow answer that agrees with it, and is by one that does not', () => {
    const clock = new ServerClock();
    const server = Date.now() + 86_400_000;
    clock.observe(new Date(server).toISOString(), performance.now());
    clock.observe(new Date(server).toISOString(), performance.now() - 10_000);
    expect(clock.now() - server).toBeLessThan(4000);
    clock.observe(new Date(server + 60_000).toISOString(), performance.now() - 10_000);
    expect(clock.now() - server).toBeGreaterThanOrEqual(64_999);
  });

  it('does not believe a time that is none', () => {
    const clock = new ServerClock();
    clock.observe('soon', performance.now());
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1000);
  });
});
