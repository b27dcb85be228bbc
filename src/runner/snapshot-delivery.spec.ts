import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Look, Snapshot } from './checkout-look.js';
import { SnapshotDelivery } from './snapshot-delivery.js';

const { signal } = new AbortController();

describe('SnapshotDelivery', () => {
  let server: Server;
  /** Status of the next answers; then 204. */
  let answers: number[];
  /** The commits that came, with their packs or without. */
  let asked: string[];
  let made: number;

  beforeEach(async () => {
    [answers, asked, made] = [[], [], 0];
    server = createServer((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('commit') ?? '');
      request.resume();
      response.writeHead(answers.shift() ?? 204, { 'retry-after': '0' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const begin = (everyMs: number): SnapshotDelivery => {
    const { port } = server.address() as AddressInfo;
    const remote = { url: `http://127.0.0.1:${String(port)}/x.git`, user: 'x', password: () => 'secret' };
    return new SnapshotDelivery(remote, everyMs, signal);
  };
  const look = (mark: string, tree: string): Look => ({
    ...{ mark, tree, branch: null },
    holdings: { head_sha: null, dirty: null, unpushed: null, merged: null },
  });
  const make = (): Promise<Snapshot> => {
    made += 1;
    return Promise.resolve({ commitSha: `commit-${String(made)}`, pack: null });
  };
  const AN_HOUR = 60 * 60_000;

  it('sends what has changed, and what was written anew as it was not again', async () => {
    const delivery = begin(AN_HOUR);
    expect(delivery.isOwed(null)).toBe(true);
    await delivery.tell(look('mark-1', 'tree-1'), make);
    expect(delivery.isOwed('mark-1')).toBe(false);
    await delivery.tell(look('mark-2', 'tree-1'), make);
    expect(delivery.isOwed('mark-2')).toBe(false);
    await delivery.repeat();
    expect([asked, made]).toEqual([['commit-1'], 1]);
    await delivery.tell(look('mark-3', 'tree-2'), make);
    expect([asked, made]).toEqual([['commit-1', 'commit-2'], 2]);
  });

  it.each([400, 413, 415, 422])('does not make again what was refused with %i', async (status) => {
    answers = [status];
    const delivery = begin(0);
    await delivery.tell(look('mark-1', 'tree-1'), make);
    expect(delivery.isOwed('mark-1')).toBe(false);
    await delivery.tell(look('mark-2', 'tree-1'), make);
    expect(delivery.isOwed('mark-2')).toBe(false);
    expect(made).toBe(1);
    await delivery.tell(look('mark-3', 'tree-2'), make);
    expect([asked, made]).toEqual([['commit-1', 'commit-2'], 2]);
  });

  it.each([401, 408, 409, 429, 500, 503])(
    'leaves a server alone for a while that says %i, and owes it then',
    async (status) => {
      answers = [status];
      const patient = begin(AN_HOUR);
      await patient.tell(look('mark-1', 'tree-1'), make);
      expect(patient.isOwed('mark-1')).toBe(false);
      await patient.tell(look('mark-2', 'tree-2'), make);
      expect(made).toBe(1);
      answers = [status];
      const eager = begin(0);
      await eager.tell(look('mark-1', 'tree-1'), make);
      expect(eager.isOwed('mark-1')).toBe(true);
      await eager.tell(look('mark-1', 'tree-1'), make);
      expect([eager.isOwed('mark-1'), made]).toEqual([false, 3]);
    },
  );

  it('leaves a server alone that cannot be reached', async () => {
    const delivery = begin(AN_HOUR);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(delivery.tell(look('mark-1', 'tree-1'), make)).rejects.toThrow();
    expect(delivery.isOwed('mark-1')).toBe(false);
    await delivery.tell(look('mark-2', 'tree-2'), make);
    expect(made).toBe(1);
  });

  it('sends nothing any more to a server that does not know of it, nor where there is none', async () => {
    answers = [404];
    const delivery = begin(0);
    for (const name of ['1', '2']) await delivery.tell(look(name, name), make);
    expect([delivery.isOwed('2'), made]).toEqual([false, 1]);
    const nowhere = new SnapshotDelivery(null, 0, signal);
    await nowhere.tell(look('1', '1'), make);
    expect([nowhere.isOwed('1'), made]).toEqual([false, 1]);
  });
});
