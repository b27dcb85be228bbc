import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { Installation } from './installation.js';
import { Person } from './person.js';

let installation: Installation;
let ada: Person;

beforeAll(async () => {
  installation = await Installation.start();
  ada = await Person.signIn(installation);
});
afterAll(() => installation.close());

describe('a coordinator whose server goes away', () => {
  it('goes on with its workers when the server is back, and finishes also when it was told so meanwhile', async () => {
    const gates = installation.scratch.directory('gates');
    const coordinator = installation.startCoordinator('host', { MIYABI_COORDINATOR_WORKERS: '2' });
    const gated = (gate: string) =>
      installation.script('until [ -e "$GATE" ]; do sleep 0.05; done; echo $$', { GATE: join(gates, gate) });
    const first = gated('first');
    const task = await ada.create({ name: 'Through an outage', ...first });
    await ada.taskThatIs(task, 'running');
    await installation.killApi();
    await eventually('it noticed', () => coordinator.report().includes('heartbeat failed'));
    writeFileSync(join(gates, 'first'), '');
    await installation.startApi();
    await ada.taskThatIs(task, 'completed');
    const second = gated('second');
    const last = await ada.create({ name: 'The last', ...second });
    await ada.taskThatIs(last, 'running');
    await installation.killApi();
    const ended = coordinator.stop();
    await eventually('it was told to stop', () =>
      coordinator.report().includes('the server does not hear of the drain'),
    );
    writeFileSync(join(gates, 'second'), '');
    await installation.startApi();
    expect(await ended).toEqual({ code: 0, signal: null });
    await ada.taskThatIs(last, 'completed');
    expect([...installation.alive(first.mark), ...installation.alive(second.mark)]).toEqual([]);
  });
});
