import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';
import { signInPerson, type TestPerson } from './fleet.js';
import { StreamClient } from './stream-client.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
let person: TestPerson;

beforeAll(async () => {
  server = await startTestApp();
  person = await signInPerson(server);
});
afterAll(() => server.close());

it('tells what happens from now on', async () => {
  await person.task();
  const client = await StreamClient.open(server.url, '/events/stream', person);
  const id = await person.task();
  await eventually('an event comes', () => client.events.length > 0);
  expect(client.events.map(({ data }) => [data['type'], data['subject']])).toEqual([['task.created', { task_id: id }]]);
  client.close();
});
