import { GrantsService } from '../src/workers/grants.service.js';
import { Engine } from './engine.js';
import { eventually } from './eventually.js';
import { registerWorker, signInPerson, type TestPerson } from './fleet.js';
import { statementsWait } from './lock-waits.js';
import { startTestApp, type TestApp } from './test-app.js';

describe('the fleet of an organization', () => {
  let server: TestApp;
  let ada: TestPerson;
  let engine: Engine;

  beforeEach(async () => {
    server = await startTestApp();
    ada = await signInPerson(server);
    engine = new Engine(server, ada);
  });
  afterEach(() => server.close());

  it('begins nothing while it is paused, whoever its workers are; what runs goes on, and hands can still begin', async () => {
    const [own, everybodys] = [await registerWorker(server, {}, ada.token), await registerWorker(server)];
    const { execution_id } = await engine.running(own);
    const task = await engine.task();
    const paused = await ada.post('/fleet/pause', { note: 'Release' });
    expect(paused).toMatchObject({ status: 200, body: { paused: true, note: 'Release', cancelled: 0, more: false } });
    expect((await ada.get('/fleet')).body).toMatchObject({
      paused: true,
      note: 'Release',
      paused_at: expect.any(String) as string,
      paused_by: { type: 'user' },
    });
    expect([await own.claim(), await everybodys.claim()]).toEqual([[], []]);
    const { body } = await ada.get(`/tasks/${task}/explain`);
    const [reason] = body['reasons'] as { code: string; detail: string }[];
    expect(reason).toMatchObject({ code: 'fleet-paused', note: 'Release' });
    expect(reason?.detail).toContain('(Release)');
    expect((await own.finish(execution_id, { outcome: 'completed' })).status).toBe(200);
    const byHand = await engine.task();
    expect((await ada.post(`/tasks/${byHand}/start`)).body).toMatchObject({ status: 'running' });
    expect(await ada.post('/fleet/resume')).toMatchObject({ status: 200, body: { paused: false, note: null } });
    expect((await ada.get('/fleet')).body).toEqual({ paused: false, note: null, paused_by: null, paused_at: null });
    expect((await own.claim()).map((claim) => claim.task_id)).toEqual([task]);
  });

  it('is no other organization’s: its workers and those of the instance serve the others meanwhile', async () => {
    const everybodys = await registerWorker(server);
    const bob = await signInPerson(server);
    await engine.task();
    await ada.post('/fleet/pause');
    const task = await bob.task();
    expect((await everybodys.claim({ max: 10 })).map((claim) => claim.task_id)).toEqual([task]);
    expect((await bob.get('/fleet')).body).toMatchObject({ paused: false });
  });

  it('wakes claims that wait when it is resumed, also those for one type of agent', async () => {
    // They never look by themselves, so only a hint wakes them before their time is over.
    const still = await startTestApp({ WAIT_LOOK_SECONDS: '600' }, server);
    const picky = await registerWorker(still, { agent_types: ['note'] }, ada.token);
    await ada.post('/fleet/pause');
    const task = await engine.task();
    const grants = still.app.get(GrantsService, { strict: false });
    let looks = 0;
    grants.grant = async (request) => {
      const grant = await GrantsService.prototype.grant.call(grants, request);
      looks += 1;
      return grant;
    };
    const waiting = picky.claim({ wait_seconds: 25 });
    await eventually('the claim has looked, as one that hears of what comes', () => looks === 1);
    const began = performance.now();
    await ada.post('/fleet/resume');
    expect((await waiting).map((claim) => claim.task_id)).toEqual([task]);
    expect(performance.now() - began).toBeLessThan(20_000);
    await still.close();
  });

  it('is answered when no claim is under way any more that did not see it, so that what that began is cancelled', async () => {
    const worker = await registerWorker(server);
    const task = await engine.task();
    // The claim stands before the row of its task, with what it knows of pauses behind it.
    await server.sql.query('begin');
    await server.sql.query('select from tasks where id = $1 for update', [task]);
    const claim = worker.claim();
    await statementsWait(server, 1);
    const paused = ada.post('/fleet/pause', { cancel_running: true });
    await statementsWait(server, 2);
    expect((await ada.get('/fleet')).body).toMatchObject({ paused: true });
    await server.sql.query('commit');
    expect((await claim).map((one) => one.task_id)).toEqual([task]);
    expect((await paused).body).toMatchObject({ paused: true, cancelled: 1 });
  });

  it('cancels what runs when that is wished, by whoever may, and writes down who did what', async () => {
    const worker = await registerWorker(server, {}, ada.token);
    const runs = [await engine.running(worker), await engine.running(worker)];
    const waits = await engine.task();
    const key = await ada.post('/api-keys', { name: 'pauser', permissions: ['workers.manage'] });
    const asKey = await server.request
      .post('/api/v1/fleet/pause')
      .set('Authorization', `Bearer ${String(key.body['secret'])}`)
      .send({ cancel_running: true });
    expect(asKey.status).toBe(403);
    expect((await ada.get('/fleet')).body).toMatchObject({ paused: false });
    const { body } = await ada.post('/fleet/pause', { note: 'Stop it all', cancel_running: true });
    expect(body).toMatchObject({ paused: true, cancelled: 2, more: false });
    const beat = await worker.beat(runs.map(({ execution_id }) => execution_id));
    expect((beat.body['cancel'] as string[]).sort()).toEqual(runs.map(({ execution_id }) => execution_id).sort());
    expect((await ada.get(`/tasks/${waits}`)).body).toMatchObject({ status: 'pending' });
    await ada.post('/fleet/resume');
    await ada.post('/fleet/resume');
    const { body: log } = await ada.get(`/audit-log?subject=${ada.organization_id}`);
    const entries = (log.items as { action: string; data: object }[]).filter(({ action }) =>
      action.startsWith('fleet'),
    );
    expect(entries).toMatchObject([
      { action: 'fleet.resumed' },
      { action: 'fleet.paused', data: { note: 'Stop it all', cancel_running: true } },
    ]);
  });
});
