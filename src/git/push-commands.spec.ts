import { guardPush } from './guarded-push.js';
import { packet, readPushRequest, refusalOf, refuseAll } from './push-commands.js';

const OLD = '1'.repeat(40);
const NEW = '2'.repeat(40);
const NONE = '0'.repeat(40);
const FLUSH = Buffer.from('0000');
const push = (...lines: string[]): Buffer => Buffer.concat([...lines.map((line) => packet(line)), FLUSH]);

describe('the commands of a push', () => {
  it('are read with the capabilities of the first, behind shallow lines', () => {
    const bytes = push(
      `shallow ${OLD}`,
      `${OLD} ${NEW} refs/heads/a\0 report-status side-band-64k`,
      `${NONE} ${NEW} refs/heads/b\n`,
    );
    expect(readPushRequest(bytes)).toEqual({
      commands: [
        { old_sha: OLD, new_sha: NEW, ref: 'refs/heads/a' },
        { old_sha: NONE, new_sha: NEW, ref: 'refs/heads/b' },
      ],
      capabilities: ['report-status', 'side-band-64k'],
    });
  });

  it('need more bytes until the flush', () => {
    const bytes = push(`${OLD} ${NEW} refs/heads/a`);
    for (let length = 0; length < bytes.length; length++) expect(readPushRequest(bytes.subarray(0, length))).toBeNull();
  });

  it('may be none: the probe of a client that is about to send much', () => {
    expect(readPushRequest(FLUSH)).toEqual({ commands: [], capabilities: [] });
  });

  it.each([
    ['a certificate', push('push-cert\0report-status\n')],
    ['a length that is no number', Buffer.from('zzzzabc')],
    ['a length below its own', Buffer.from('0003')],
    ['an empty line', Buffer.from('0004')],
    ['a command without a reference', push(`${OLD} ${NEW}`)],
    ['a short id', push(`${OLD} 22 refs/heads/a`)],
  ])('are refused: %s', (_, bytes) => {
    expect(() => readPushRequest(bytes)).toThrow(
      expect.objectContaining({ code: 'git/request-refused', kind: 'invalid' }),
    );
  });

  it('are refused when they do not end', () => {
    const line = packet(`${OLD} ${NEW} refs/heads/${'a'.repeat(200)}`);
    expect(() => readPushRequest(Buffer.concat(Array.from({ length: 300 }, () => line)))).toThrow(
      expect.objectContaining({ kind: 'too_large' }),
    );
  });
});

describe('a refusal', () => {
  const request = (...lines: string[]) => readPushRequest(push(...lines)) ?? { commands: [], capabilities: [] };

  it.each([
    [`${OLD} ${NEW} refs/heads/task/x-a1`, null],
    [`${NONE} ${NEW} refs/heads/task/x-a1`, null],
    [`${OLD} ${NEW} refs/heads/main`, 'alone'],
    [`${OLD} ${NEW} refs/heads/task/x-a10`, 'alone'],
    [`${OLD} ${NEW} refs/tags/task/x-a1`, 'alone'],
    [`${OLD} ${NEW} HEAD`, 'alone'],
    [`${OLD} ${NONE} refs/heads/task/x-a1`, 'deleted'],
  ])('of %j says %j', (line, reason) => {
    const refusal = refusalOf(request(line), 'task/x-a1');
    if (reason === null) expect(refusal).toBeNull();
    else expect(refusal).toContain(reason);
  });

  it('holds for all commands when one is at fault', () => {
    const both = request(`${OLD} ${NEW} refs/heads/task/x-a1\0report-status`, `${OLD} ${NEW} refs/heads/main`);
    expect(refusalOf(both, 'task/x-a1')).not.toBeNull();
    expect(refuseAll(both, 'no').toString()).toBe(
      '000eunpack ok\n' + '001fng refs/heads/task/x-a1 no\n' + '001ang refs/heads/main no\n' + '0000',
    );
  });
});

describe('a guarded push', () => {
  const bytes = Buffer.concat([push(`${OLD} ${NEW} refs/heads/a`), Buffer.from('PACK'.padEnd(500, '.'))]);
  async function* inPieces(size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  it.each([1, 19, 20, 21, 100, 1000])(
    'gives every byte on, the last ones after the question: pieces of %i',
    async (size) => {
      let before = 0;
      let asked = 0;
      const chunks: Buffer[] = [];
      const { request, body } = await guardPush(inPieces(size), () => {
        asked++;
        before = Buffer.concat(chunks).length;
        return Promise.resolve();
      });
      for await (const chunk of body) chunks.push(chunk);
      expect(request.commands).toHaveLength(1);
      expect(Buffer.concat(chunks)).toEqual(bytes);
      expect({ asked, before }).toEqual({ asked: 1, before: bytes.length - 20 });
    },
  );

  it('ends short of its last bytes when the answer is no', async () => {
    const chunks: Buffer[] = [];
    const { body } = await guardPush(inPieces(64), () => Promise.reject(new Error('fenced')));
    await expect(
      (async () => {
        for await (const chunk of body) chunks.push(chunk);
      })(),
    ).rejects.toThrow('fenced');
    expect(Buffer.concat(chunks)).toHaveLength(bytes.length - 20);
  });

  it('refuses a body that ends within its commands', async () => {
    async function* short(): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, 30);
    }
    await expect(guardPush(short(), () => Promise.resolve())).rejects.toMatchObject({ kind: 'invalid' });
  });
});
