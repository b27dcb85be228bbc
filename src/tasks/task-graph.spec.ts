import fc from 'fast-check';
import { findCycle, type GraphNode } from './task-graph.js';

const graph = (edges: Record<string, string[]>): GraphNode[] =>
  Object.entries(edges).map(([key, waitsFor]) => ({ key, waitsFor }));

describe('a cycle in a graph', () => {
  it('is not there where nothing leads back', () => {
    expect(findCycle([])).toBeNull();
    expect(findCycle(graph({ a: [], b: ['a'], c: ['a', 'b'], d: ['b', 'c'] }))).toBeNull();
  });

  it('is named from its first to its first', () => {
    expect(findCycle(graph({ a: ['b'], b: ['c'], c: ['a'] }))).toEqual(['a', 'b', 'c', 'a']);
    expect(findCycle(graph({ x: ['a'], a: ['b'], b: ['a'] }))).toEqual(['a', 'b', 'a']);
    expect(findCycle(graph({ a: ['a'] }))).toEqual(['a', 'a']);
  });

  it('does not lead through what is not a node', () => {
    expect(findCycle(graph({ a: ['outside'], b: ['outside', 'a'] }))).toBeNull();
  });

  it('is found at the end of a chain of a hundred thousand, and nothing where there is none', () => {
    const chain = Array.from({ length: 100_000 }, (_, at) => ({ key: String(at), waitsFor: [String(at + 1)] }));
    expect(findCycle(chain)).toBeNull();
    expect(findCycle([...chain, { key: '100000', waitsFor: ['0'] }])).toHaveLength(100_002);
  });

  it('takes no time where many ways lead to the same', () => {
    // Each layer doubles the ways: walking every one of them would never end.
    const layers = Array.from({ length: 60 }, (_, at) =>
      ['l', 'r'].map((side) => ({
        key: `${side}${String(at)}`,
        waitsFor: at === 0 ? [] : [`l${String(at - 1)}`, `r${String(at - 1)}`],
      })),
    ).flat();
    expect(findCycle(layers.reverse())).toBeNull();
  });

  it('is one whatever the graph: each waits for the next, and there is none where they can be put in order', () => {
    const anyGraph = fc.integer({ min: 1, max: 9 }).chain((size) =>
      fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 20 }).map((edges) =>
        Array.from({ length: size }, (_, at) => ({
          key: String(at),
          waitsFor: edges.filter(([from]) => from === at).map(([, to]) => String(to)),
        })),
      ),
    );
    fc.assert(
      fc.property(anyGraph, (nodes) => {
        const cycle = findCycle(nodes);
        if (cycle === null) return canBeOrdered(nodes);
        const waits = new Map(nodes.map(({ key, waitsFor }) => [key, waitsFor]));
        const steps = cycle.slice(1).every((key, at) => waits.get(cycle[at] ?? '')?.includes(key));
        return steps && cycle.length > 1 && cycle[0] === cycle.at(-1) && new Set(cycle).size === cycle.length - 1;
      }),
      { numRuns: 1000 },
    );
  });
});

/** Takes away, again and again, whatever waits for nothing that is left. */
function canBeOrdered(nodes: readonly GraphNode[]): boolean {
  let left = [...nodes];
  for (;;) {
    const keys = new Set(left.map(({ key }) => key));
    const next = left.filter(({ waitsFor }) => waitsFor.some((key) => keys.has(key)));
    if (next.length === left.length) return left.length === 0;
    left = next;
  }
}
