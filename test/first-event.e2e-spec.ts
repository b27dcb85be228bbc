import { expect, it } from '@jest/globals';
import { EventsService } from '../src/events/events.service.js';
import { Caller } from './caller.js';
import { startTestApp } from './test-app.js';

it('the very first fact is told, however often there was nothing to tell before it', async () => {
  const server = await startTestApp();
  try {
    const caller = await Caller.signIn(server);
    // Each of them looks where the outbox ends.
    for (let look = 0; look < 5; look++) await server.app.get(EventsService, { strict: false }).sequence();
    await caller.post('/tasks', { name: 'the first' }).expect(201);
    const { body } = await caller.get('/events').expect(200);
    expect((body as { items: { type: string }[] }).items.map(({ type }) => type)).toEqual(['task.created']);
  } finally {
    await server.close();
  }
});
