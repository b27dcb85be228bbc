import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { withinDeadline } from './deadline.js';

let server: Server;

beforeAll(async () => {
  const app = express().use(withinDeadline(0.05), () => undefined);
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

it.each([
  ['GET', 'The server could not answer in time.'],
  ['POST', 'The server could not answer in time. Whether a change was made is not known.'],
])('an answer to %s that comes too late is told for what it is', async (method, detail) => {
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${String(port)}/`, { method });
  expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'server/too-slow', detail }]);
});
