import { figure } from './figures.js';

/** Rounds of races, which must each come out one way. */
export class Rounds {
  private tried = 0;
  private faults = 0;

  /** Runs rounds one after the other; gives what was wrong with those that went wrong. */
  async wrong(rounds: number, round: () => Promise<string | null>): Promise<string[]> {
    const found: string[] = [];
    for (let at = 0; at < rounds; at++) {
      const fault = await round();
      if (fault !== null) found.push(`round ${String(at)}: ${fault}`);
    }
    this.tried += Math.max(rounds, 0);
    this.faults += found.length;
    return found;
  }

  tell(what: string): void {
    figure(null, `${what} that went wrong`, this.faults, 'of', this.tried);
  }
}
