import { NoSlot, Slots } from './slots.js';

/** Work that lasts until it is told to end. */
function work(): { run: () => Promise<void>; end: () => void; begun: () => boolean } {
  let end = (): void => undefined;
  let begun = false;
  const over = new Promise<void>((resolve) => (end = resolve));
  const run = (): Promise<void> => {
    begun = true;
    return over;
  };
  return { run, end, begun: () => begun };
}

it('lets some in, and the next in their order, also after one that failed', async () => {
  const slots = new Slots(1);
  const [second, third] = [work(), work()];
  let fail = (): void => undefined;
  const first = slots.within(() => new Promise<never>((_, reject) => (fail = () => reject(new Error('broken')))));
  const others = [slots.within(second.run), slots.within(third.run)];
  expect([second.begun(), third.begun()]).toEqual([false, false]);
  fail();
  await expect(first).rejects.toThrow('broken');
  expect([second.begun(), third.begun()]).toEqual([true, false]);
  second.end();
  third.end();
  await Promise.all(others);
  await expect(slots.within(() => Promise.resolve('free again'))).resolves.toBe('free again');
});

it('turns away who would be one too many', async () => {
  const slots = new Slots(1, { waiting: 1 });
  const first = work();
  const done = [slots.within(first.run), slots.within(() => Promise.resolve())];
  await expect(slots.within(() => Promise.resolve())).rejects.toBeInstanceOf(NoSlot);
  first.end();
  await Promise.all(done);
});

it('turns away who has waited for too long, and nobody else', async () => {
  const slots = new Slots(1, { milliseconds: 1 });
  const first = work();
  const done = slots.within(first.run);
  const late = work();
  await expect(slots.within(late.run)).rejects.toBeInstanceOf(NoSlot);
  first.end();
  await done;
  await expect(slots.within(() => Promise.resolve('free again'))).resolves.toBe('free again');
  expect(late.begun()).toBe(false);
});
