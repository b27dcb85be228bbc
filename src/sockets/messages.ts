import { DomainError, InvalidInput } from '../domain-error.js';
import { parseExactJson } from '../http/exact-json.js';
import { InputPipe } from '../http/input.pipe.js';

/** A message that was understood: an instance of the class that stands for its type. */
export interface Understood<Message> {
  message: Message;
}

/** A message that was not, and the answer to it. */
export interface Misunderstood {
  refusal: { code: string; detail: string; extra: object };
}

const pipe = new InputPipe();

/**
 * Reads messages, JSON objects with a `type`, by the same rules as bodies of requests: `shapes` has a class for each type.
 */
export class Messages<Message extends object> {
  constructor(private readonly shapes: Readonly<Record<string, new () => Message>>) {}

  async read(text: string | null): Promise<Understood<Message> | Misunderstood> {
    try {
      return { message: await this.understand(text) };
    } catch (error) {
      if (error instanceof DomainError) return { refusal: refusalOf(error) };
      throw error;
    }
  }

  private async understand(text: string | null): Promise<Message> {
    if (text === null) throw new InvalidInput('Messages are text.', [], 'socket/not-text');
    const value = parseExactJson(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new InvalidInput('A message is a JSON object.', [], 'socket/malformed');
    const { type } = value as { type?: unknown };
    const shape = typeof type === 'string' && Object.hasOwn(this.shapes, type) ? this.shapes[type] : undefined;
    if (shape === undefined) {
      const types = Object.keys(this.shapes).join(', ');
      throw new InvalidInput(`The type of a message is one of ${types}.`, [], 'socket/unknown-type');
    }
    return pipe.read(shape, value);
  }
}

/** What an `error` message says of a refusal. */
export const refusalOf = ({ code, detail, extra }: DomainError): Misunderstood['refusal'] => ({ code, detail, extra });
