import { newKey } from '../src/auth/keys.js';
import { PRODUCTION } from './production.js';
import { startTestApp, type TestApp } from './test-app.js';

const REGISTRATION_KEY = newKey('myk_');

const PAGES = [
  '/api/docs',
  '/api/docs/',
  '/API/Docs',
  '/api/docs/swagger-ui-init.js',
  '/api/openapi.json',
  '/api/openapi.yaml',
];

describe('the document and Swagger UI in production', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp({ ...PRODUCTION, WORKER_REGISTRATION_KEY: REGISTRATION_KEY });
  });
  afterAll(() => server.close());

  it.each(PAGES)('refuses %s to callers who are not signed in', async (page) => {
    const answer = await server.request.get(page);
    expect(answer.status).toBe(401);
    expect(answer.type).toBe('application/problem+json');
    expect(answer.body.code).toBe('auth/no-token');
    expect(answer.headers['www-authenticate']).toContain('Bearer');
  });

  it('refuses a token that is not valid', async () => {
    const answer = await server.request.get('/api/openapi.json').set('Authorization', 'Bearer nonsense');
    expect([answer.status, answer.body.code]).toEqual([401, 'auth/invalid-token']);
  });

  it('serves the document to a caller who is signed in', async () => {
    const answer = await server.request.get('/api/openapi.json').set('Authorization', `Bearer ${REGISTRATION_KEY}`);
    expect(answer.status).toBe(200);
    expect(answer.body.openapi).toBe('3.1.0');
  });
});

describe('the document and Swagger UI in development', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp();
  });
  afterAll(() => server.close());

  it('serves both to everybody, under a policy that forbids inline scripts', async () => {
    const page = await server.request.get('/api/docs');
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toMatch(/script-src 'self'(;|$)/);
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>\s*\S/);
    expect((await server.request.get('/api/openapi.json')).status).toBe(200);
  });
});
