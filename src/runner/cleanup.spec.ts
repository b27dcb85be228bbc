import { carryOut, decide, type Occupant } from './cleanup.js';

const occupant = (id: string, given: Partial<Occupant> = {}): Occupant => ({
  ...{ kind: 'checkout', id, bytes: 10, usedAt: Number(id), stays: null, holds: null },
  ...given,
});
const ids = (occupants: readonly Occupant[], wishes: Parameters<typeof decide>[1]): string[] =>
  decide(occupants, wishes).flatMap(({ occupant: { id }, remove }) => (remove ? [id] : []));
const nothing = new Set<string>();

describe('what is decided to be removed', () => {
  it('is nothing while there is room, or no limit', () => {
    const all = [occupant('1'), occupant('2')];
    expect(ids(all, { budget: 20, asked: nothing, forced: nothing })).toEqual([]);
    expect(ids(all, { budget: 0, asked: nothing, forced: nothing })).toEqual([]);
  });

  it('is the oldest first, and no more than needed', () => {
    const all = [occupant('3'), occupant('1', { kind: 'cache' }), occupant('2')];
    expect(ids(all, { budget: 29, asked: nothing, forced: nothing })).toEqual(['1']);
    expect(ids(all, { budget: 10, asked: nothing, forced: nothing })).toEqual(['1', '2']);
  });

  it('is never what must stay, over budget or asked for', () => {
    const all = [occupant('1', { stays: 'it holds changes that are nowhere else' }), occupant('2')];
    expect(ids(all, { budget: 1, asked: new Set(['1']), forced: nothing })).toEqual(['2']);
    expect(decide(all, { budget: 1, asked: new Set(['1']), forced: nothing })[0]).toMatchObject({
      remove: false,
      because: 'it holds changes that are nowhere else',
    });
  });

  it('is what holds work of its own only when it is asked for with that, and never what runs', () => {
    const all = [
      occupant('1', { holds: 'commits' }),
      occupant('2', { holds: 'commits' }),
      occupant('3', { stays: 'runs' }),
    ];
    const asked = new Set(['1', '2', '3']);
    expect(ids(all, { budget: 1, asked, forced: nothing })).toEqual([]);
    expect(ids(all, { budget: 1, asked, forced: new Set(['2', '3']) })).toEqual(['2']);
  });

  it('is what the server asks for, which then counts as gone', () => {
    const all = [occupant('1'), occupant('2'), occupant('2', { kind: 'cache' })];
    const decisions = decide(all, { budget: 20, asked: new Set(['2']), forced: nothing });
    expect(decisions.map(({ remove, because }) => [remove, because])).toEqual([
      [false, 'there is room for it'],
      [true, 'its removal was asked for'],
      [false, 'there is room for it'],
    ]);
  });
});

it('a dry run says the same and removes nothing', async () => {
  const decisions = decide([occupant('1'), occupant('2')], { budget: 10, asked: nothing, forced: nothing });
  const removed: string[] = [];
  const remove = ({ id }: Occupant): Promise<void> => Promise.resolve(void removed.push(id));
  const planned = await carryOut(decisions, { dryRun: true, remove });
  expect(removed).toEqual([]);
  expect(await carryOut(decisions, { dryRun: false, remove })).toEqual(planned);
  expect(removed).toEqual(['1']);
});
