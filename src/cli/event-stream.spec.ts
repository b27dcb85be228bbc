import { eventsOf, type ServerEvent } from './event-stream.js';

/** What is read of a body that comes in these pieces. */
async function read(...pieces: (string | Uint8Array)[]): Promise<ServerEvent[]> {
  const bytes = pieces.map((piece) => (typeof piece === 'string' ? new TextEncoder().encode(piece) : piece));
  const found: ServerEvent[] = [];
  for await (const event of eventsOf(new Blob([Buffer.concat(bytes)]).stream())) found.push(event);
  const split: ServerEvent[] = [];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      bytes.forEach((piece) => controller.enqueue(piece));
      controller.close();
    },
  });
  for await (const event of eventsOf(body)) split.push(event);
  // However it is cut, it says the same.
  expect(split).toEqual(found);
  return split;
}

describe('a stream of events', () => {
  it('is read whatever its pieces are', async () => {
    const text = 'id: 0\ndata: {"a":1}\n\n: ping\n\nid: 1\ndata: two\ndata: lines\n\nevent: end\ndata: {}\n\n';
    const events = [
      { event: 'message', id: '0', data: '{"a":1}' },
      { event: 'message', id: '1', data: 'two\nlines' },
      { event: 'end', id: null, data: '{}' },
    ];
    expect(await read(text)).toEqual(events);
    expect(await read(...text)).toEqual(events);
    expect(await read(text.replaceAll('\n', '\r\n'))).toEqual(events);
    expect(await read(...text.replaceAll('\n', '\r\n'))).toEqual(events);
  });

  it('keeps characters whole that are cut in two', async () => {
    const bytes = new TextEncoder().encode('data: ü🚀\n\n');
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(await read(...pieces)).toEqual([{ event: 'message', id: null, data: 'ü🚀' }]);
  });

  it('leaves out an event that has not come to its end', async () => {
    expect(await read('data: one\n\ndata: tw')).toEqual([{ event: 'message', id: null, data: 'one' }]);
  });
});
