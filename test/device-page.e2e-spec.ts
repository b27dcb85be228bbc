import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeOf } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;

beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

describe('the page', () => {
  it('is static, under a policy that lets nothing else in', async () => {
    const page = await server.request.get('/device?user_code=WDJB-MJHT').expect(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.headers['content-security-policy']).toMatch(
      /default-src 'none';script-src 'self';.*frame-ancestors 'none'/,
    );
    expect(page.text).not.toContain('WDJB');
    // Nothing inline, nothing from elsewhere.
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:|\/\//);
    const links = [...page.text.matchAll(/(?:src|href)="(device\/[^"]+)"/g)].map(([, path]) => path);
    expect(links.sort()).toEqual(['device/device.css', 'device/device.js']);
  });

  it('finds its files relative to itself, and all of them are sent anew', async () => {
    for (const [file, type] of [
      ['device.js', 'text/javascript; charset=utf-8'],
      ['device.css', 'text/css; charset=utf-8'],
    ] as const) {
      const { headers } = await server.request.get(`/device/${file}`).expect(200);
      expect([headers['content-type'], headers['x-content-type-options']]).toEqual([type, 'nosniff']);
      expect([headers['cache-control'], headers['last-modified']]).toEqual(['no-store', undefined]);
    }
    for (const path of ['device/', 'device/?user_code=WDJB-MJHT']) {
      const { headers } = await server.request.get(`/${path}`).expect(308);
      expect(headers['location']).toBe(`../device${path.slice('device/'.length)}`);
    }
  });

  it('has no other files', async () => {
    for (const path of ['device-page.controller.js', 'device.html', 'web-pages.module.ts', '..%2fapp.ts', 'x'])
      expect(await codeOf(server.request.get(`/device/${path}`))).toBe('404 request/no-such-route');
    expect(await codeOf(server.request.post('/device'))).toBe('405 request/method-not-allowed');
  });

  it('names every part of itself that its script looks for', async () => {
    const [page, script] = [await server.request.get('/device'), await server.request.get('/device/device.js')];
    const text = script.text ?? String(script.body);
    const wanted = [...text.matchAll(/element\('([\w-]+)'\)/g)].map(([, id]) => id);
    expect(wanted.length).toBeGreaterThan(15);
    expect(wanted.filter((id) => !page.text.includes(`id="${String(id)}"`))).toEqual([]);
  });

  it('learns what to offer', async () => {
    expect((await server.request.get('/api/v1/auth/methods').expect(200)).body).toEqual({ github: false, mock: true });
  });
});
