const PATIENCE_MS = 15_000;

/** Waits for a fact; fails with what it waited for when it does not come. */
export async function eventually(what: string, fact: () => Promise<boolean> | boolean): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  while (!(await fact())) {
    if (Date.now() > until) throw new Error(`it did not happen that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
