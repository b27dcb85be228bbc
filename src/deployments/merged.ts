/** Several lists as one, each in the order that the whole is to have. Only as much is looked at as is taken. */
export function* merged<T>(lists: readonly (readonly T[])[], order: (one: T, other: T) => number): Generator<T, void> {
  const heads = lists.map((list) => ({ list, at: 0 }));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    let item: T | undefined;
    for (const head of heads) {
      const next = head.list[head.at];
      if (next === undefined || (item !== undefined && order(next, item) >= 0)) continue;
      [first, item] = [head, next];
    }
    if (first === undefined || item === undefined) return;
    first.at += 1;
    yield item;
  }
}

/** The next of them, fewer only at the end. */
export function take<T>(items: Iterator<T, void>, count: number): T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const { done, value } = items.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}
