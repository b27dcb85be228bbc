import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createDeflate } from 'node:zlib';
import { Logger } from '@nestjs/common';
import { GitConfig } from '../config/git.config.js';
import { git as run, Scratch } from '../../test/scratch-git.js';
import { GitProcess } from './git-process.js';
import { createMirror, fetchInto } from './mirror.js';
import { packet } from './push-commands.js';

let scratch: Scratch;
let server: Server;

/** One blob of 2^39 bytes, as far as anybody listens. */
function endlessPack(): Readable {
  const header = Buffer.from('5041434b0000000200000001' + 'b08080808001', 'hex');
  const random = randomBytes(64 * 1024);
  const content = new Readable({ read: () => void content.push(random) });
  const zipped = content.pipe(createDeflate({ level: 0 })).once('close', () => content.destroy());
  return Readable.from(inTurn(packet('NAK\n'), header, zipped));
}

async function* inTurn(answer: Buffer, header: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield answer;
  yield header;
  yield* rest;
}

beforeAll(() => Logger.overrideLogger(false));
beforeEach(async () => {
  scratch = new Scratch();
  server = createServer((request, response) => {
    if (request.method === 'POST') {
      response.setHeader('Content-Type', 'application/x-git-upload-pack-result');
      const pack = endlessPack();
      response.once('close', () => pack.destroy());
      request.resume().once('end', () => pack.pipe(response));
      return;
    }
    response.setHeader('Content-Type', 'application/x-git-upload-pack-advertisement');
    const tip = packet(`${'1'.repeat(40)} refs/heads/main\0shallow\n`);
    response.end(Buffer.concat([packet('# service=git-upload-pack\n'), Buffer.from('0000'), tip, Buffer.from('0000')]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  scratch.remove();
});

describe('a remote that gives without end', () => {
  const setUp = () => ({
    git: new GitProcess(Object.assign(new GitConfig(), { root: scratch.directory('mirrors'), local_roots: [] })),
    source: {
      address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/x.git`,
      protocols: ['http'],
      settings: {},
      timeout_ms: 8000,
      max_bytes: 1_000_000,
    },
  });

  it('is left at the limit, and no mirror is made of it', async () => {
    const { git, source } = setUp();
    await expect(createMirror(git, join(git.root, 'a.git'), source)).rejects.toMatchObject({ reason: 'too_large' });
    expect(readdirSync(git.root)).toEqual(['.home']);
  });

  it('is left at the limit, and a mirror stays what it was', async () => {
    const { git, source } = setUp();
    const directory = join(git.root, 'a.git');
    run(scratch.path, 'clone', '-q', '--mirror', scratch.repository('source'), directory);
    await expect(fetchInto(git, directory, source)).rejects.toMatchObject({ reason: 'too_large' });
    expect(readdirSync(join(directory, 'objects/pack')).filter((name) => name.startsWith('tmp_'))).toEqual([]);
    expect(run(directory, 'log', '--format=%s', 'main')).toBe('feat: first');
  });
});
