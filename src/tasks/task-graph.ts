/** A node that waits for others, by their keys. */
export interface GraphNode {
  key: string;
  waitsFor: readonly string[];
}

/** A cycle among the nodes, its first one also at its end; null when there is none. What is not a node cannot be in one. */
export function findCycle(nodes: readonly GraphNode[]): string[] | null {
  const waitsFor = new Map(nodes.map((node) => [node.key, node.waitsFor]));
  const done = new Set<string>();
  for (const { key } of nodes) {
    const cycle = walk(key, waitsFor, done);
    if (cycle !== null) return cycle;
  }
  return null;
}

/** Goes down from one node without recursion: a batch may be a chain of a thousand. */
function walk(from: string, waitsFor: ReadonlyMap<string, readonly string[]>, done: Set<string>): string[] | null {
  const path: { key: string; next: number }[] = [{ key: from, next: 0 }];
  const onPath = new Set([from]);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const next = waitsFor.get(top.key)?.[top.next];
    top.next += 1;
    if (next === undefined || done.has(top.key)) {
      done.add(top.key);
      onPath.delete(top.key);
      path.pop();
    } else if (onPath.has(next)) {
      const keys = path.map(({ key }) => key);
      return [...keys.slice(keys.indexOf(next)), next];
    } else if (waitsFor.has(next) && !done.has(next)) {
      path.push({ key: next, next: 0 });
      onPath.add(next);
    }
  }
  return null;
}
