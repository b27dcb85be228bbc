import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Lookup } from './lookup.js';

const recording = () => {
  const asked: string[][] = [];
  const lookup = new Lookup((keys) => {
    asked.push([...keys]);
    return Promise.resolve(new Map(keys.filter((key) => key !== 'missing').map((key) => [key, key.toUpperCase()])));
  });
  return { asked, lookup };
};

describe('Lookup', () => {
  it('asks once for all that is wanted in one turn, each key once', async () => {
    const { asked, lookup } = recording();
    const found = await Promise.all(['a', 'b', 'a', 'missing'].map((key) => lookup.find(key)));
    expect(found).toEqual(['A', 'B', 'A', null]);
    expect(asked).toEqual([['a', 'b', 'missing']]);
  });

  it('has the patient wait for others, and go with the first who is not', async () => {
    const asked: string[][] = [];
    const patient = new Lookup((keys) => {
      asked.push([...keys]);
      return Promise.resolve(new Map(keys.map((key) => [key, key])));
    }, 60_000);
    expect(await patient.find('alone', true)).toBe('alone');
    const early = patient.find('a', true);
    await setImmediate();
    await setImmediate();
    expect(asked).toEqual([['alone']]);
    expect(await Promise.all([early, patient.find('b', true), patient.find('c')])).toEqual(['a', 'b', 'c']);
    expect(asked).toEqual([['alone'], ['a', 'b', 'c']]);
  });

  it('asks for the patient when their patience is over', async () => {
    const patient = new Lookup((keys) => Promise.resolve(new Map(keys.map((key) => [key, 1]))), 5);
    await patient.find('alone', true);
    expect(await Promise.all([patient.find('a', true), patient.find('b', true)])).toEqual([1, 1]);
  });

  it('asks anew in the next turn', async () => {
    const { asked, lookup } = recording();
    await lookup.find('a');
    await setImmediate();
    await lookup.find('a');
    expect(asked).toEqual([['a'], ['a']]);
  });

  it('gives a fault to all who waited, and works again afterwards', async () => {
    let faulty = true;
    const lookup = new Lookup(() =>
      faulty ? Promise.reject(new Error('the database is away')) : Promise.resolve(new Map([['a', 1]])),
    );
    const outcomes = await Promise.allSettled([lookup.find('a'), lookup.find('b')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    faulty = false;
    expect(await lookup.find('a')).toBe(1);
  });

  it('does not run within the context of the first who asks', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const lookup = new Lookup(() => {
      seen.push(context.getStore());
      return Promise.resolve(new Map());
    });
    await context.run('a transaction', () => lookup.find('a'));
    expect(seen).toEqual([undefined]);
  });
});
