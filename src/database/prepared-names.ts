/** Names under which connections have statements prepared. */
export class PreparedNames {
  private readonly names = new Map<string, string>();
  private generation = 0;

  /** The name of a statement: the same each time, on every connection. */
  of(sql: string): string {
    let name = this.names.get(sql);
    if (name === undefined) {
      name = `s${String(this.generation)}_${String(this.names.size)}`;
      this.names.set(sql, name);
    }
    return name;
  }

  /** Has everything prepared anew: a migration has changed what a statement gives. */
  renew(): void {
    this.generation += 1;
    this.names.clear();
  }
}
