/** Below this a text is too common to be a secret, and hiding it would spoil what it occurs in. */
const SHORTEST = 8;

/** What the runner must not repeat: its key, and every token it had. Agents may come by them and print them. */
export class Secrets {
  private readonly known = new Set<string>();

  constructor(...secrets: readonly string[]) {
    secrets.forEach((secret) => this.add(secret));
  }

  add(secret: string): void {
    if (secret.length >= SHORTEST) this.known.add(secret);
  }

  /** The text with `[redacted]` in place of each secret. */
  hide(text: string): string {
    let hidden = text;
    for (const secret of this.known) hidden = hidden.replaceAll(secret, '[redacted]');
    return hidden;
  }
}
