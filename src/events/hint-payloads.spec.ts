import { describe, expect, it } from '@jest/globals';
import { detailed, hintOf, payloadsOf } from './hint-payloads.js';

const hintsIn = (payload: string): ReturnType<typeof hintOf>[] => payload.split(' ').map(hintOf);

const topics = (count: number): string[] => Array.from({ length: count }, (_, at) => `task:${String(at)}`);

describe('hints', () => {
  it('that are few travel together, each with its detail', () => {
    const payloads = payloadsOf(['events:1', `${detailed('live:1', 'progress.e.t')}=40`]);
    expect(payloads).toHaveLength(1);
    expect(hintsIn(payloads[0] ?? '')).toEqual([['events:1'], ['live:1', 'progress.e.t=40']]);
  });

  it('that are many travel in several payloads, none longer than PostgreSQL takes, and none is lost', () => {
    const payloads = payloadsOf(topics(5000));
    expect(payloads.length).toBeGreaterThan(1);
    expect(Math.max(...payloads.map((payload) => payload.length))).toBeLessThan(8000);
    expect(payloads.flatMap(hintsIn).map(([topic]) => topic)).toEqual(topics(5000));
  });

  it('leave their details behind before everybody is woken', () => {
    const details = Array.from({ length: 20_000 }, (_, at) => detailed('live:1', `progress.${String(at)}`));
    expect(payloadsOf(['events:1', ...details])).toEqual(['events:1']);
    expect(payloadsOf(topics(50_000))).toEqual(['*']);
  });
});
