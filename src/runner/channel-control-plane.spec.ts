import pino from 'pino';
import { aGrant } from '../../test/a-grant.js';
import { eventually } from '../../test/eventually.js';
import { SilentServer } from '../../test/silent-server.js';
import { StandInServer } from '../../test/stand-in-server.js';
import { ApiControlPlane } from './api-control-plane.js';
import { ChannelControlPlane } from './channel-control-plane.js';
import { ChannelLine } from './channel-line.js';
import { Refused, Unavailable } from './control-plane.js';

describe('the control plane over a channel', () => {
  const log = pino({ level: 'silent' });

  it('says again as a request what is interrupted, and takes problems for what they are to requests', async () => {
    const [standIn, silent] = [new StandInServer(), await SilentServer.start()];
    await standIn.start();
    const over = new AbortController();
    const { signal } = over;
    const followed: object[] = [];
    const onDirectives = (directives: object): void => void followed.push(directives);
    const requests = new ApiControlPlane({ url: standIn.url, key: 'key' }, onDirectives);
    const plane = new ChannelControlPlane(requests, { url: silent.url, log, onDirectives, signal });
    await plane.register({ name: 'w' }, signal);

    await silent.hasRead();
    const beat = plane.heartbeat({});
    await silent.hasRead();
    silent.answer({ problem: { status: 503, detail: 'busy' } });
    await expect(beat).rejects.toEqual(new Unavailable('503 busy'));
    const logs = plane.sendLogs('x', { offset: 1, entries: [] }, signal);
    await silent.hasRead();
    const problem = { status: 409, code: 'execution/log-offset', next_offset: 0 };
    silent.answer({ problem });
    await expect(logs).rejects.toEqual(new Refused(409, 'execution/log-offset', '', problem, 1));
    expect(standIn.claims).toEqual([]);

    standIn.give(aGrant({}));
    const claim = plane.claim({ max: 1, request_key: 'the same' }, signal);
    await silent.hasRead();
    expect(silent.unanswered).toHaveLength(1);
    silent.cut();
    expect((await claim).executions).toHaveLength(1);
    expect(standIn.claims).toEqual([{ max: 1, request_key: 'the same' }]);
    expect(followed).toEqual([expect.objectContaining({ cancel: [], lost: [] })]);
    over.abort();
    silent.close();
    await standIn.stop();
  });

  it('tries again soon, later and later, and rarely where there is no channel', async () => {
    const standIn = new StandInServer();
    standIn.token = 'token';
    await standIn.start();
    const waits: number[] = [];
    const over = new AbortController();
    // What it would wait for is over at once.
    const pause = async (milliseconds: number): Promise<void> => {
      waits.push(milliseconds);
      if (waits.length === 1) await standIn.stop();
      if (waits.length === 9) over.abort();
    };
    const parts = { url: standIn.url, log, onPush: () => undefined, pause };
    new ChannelLine({ ...parts, signal: over.signal }).connect('token');
    await eventually('it has tried nine times', () => waits.length === 9);
    expect(waits[0]).toBeGreaterThanOrEqual(600_000);
    expect(waits[1]).toBeLessThanOrEqual(2000);
    expect(waits.slice(1).every((wait) => wait >= 500 && wait <= 30_000)).toBe(true);
    expect(waits[8]).toBeGreaterThanOrEqual(15_000);
  });
});
