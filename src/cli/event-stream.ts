/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/** Reads a body of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let fields: { event: string; id: string | null; data: string[] } = { event: 'message', id: null, data: [] };
  for await (const line of linesOf(body)) {
    if (line === '') {
      if (fields.data.length > 0 || fields.event !== 'message') yield { ...fields, data: fields.data.join('\n') };
      fields = { event: 'message', id: null, data: [] };
      continue;
    }
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === 'event') fields.event = value;
    else if (name === 'id') fields.id = value;
    else if (name === 'data') fields.data.push(value);
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
