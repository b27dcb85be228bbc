import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InvalidInput } from '../src/domain-error.js';
import { parseExactJson } from '../src/http/exact-json.js';
import { InputPipe } from '../src/http/input.pipe.js';
import { RegisterRepositoryDto } from '../src/repositories/repositories.dto.js';
import { readSource } from '../src/repositories/repository-source.js';
import { RequestFuzzer, type Document } from './request-fuzzer.js';
import { withoutNetwork } from './without-network.js';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 5000);
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const document = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as Document;
const pipe = new InputPipe();

/** The host the server would fetch from: empty for its own disk, null when it refuses the request. */
async function hostOf(body: string): Promise<string | null> {
  try {
    // As the server decodes it, which drops a byte order mark.
    const value = parseExactJson(new TextDecoder().decode(new TextEncoder().encode(body)));
    const input = await pipe.transform(value, { type: 'body', metatype: RegisterRepositoryDto });
    const source = readSource(input as RegisterRepositoryDto);
    return 'path' in source ? '' : new URL(source.clone_url ?? '').hostname;
  } catch (error) {
    if (error instanceof InvalidInput) return null;
    throw error;
  }
}

const isOfOthers = (host: string | null): boolean => ![null, '', '127.0.0.1'].includes(host);

it('no generated request makes the server fetch from others, however its addresses are damaged', async () => {
  const fuzzer = new RequestFuzzer(document, seed);
  const outward: [before: string, after: string][] = [];
  const accepted = { outward_as_generated: 0, as_sent: 0 };
  for (let made = 0; made < REQUESTS; made += 1) {
    const { body } = fuzzer.request('/api/v1/repositories', document.paths['/api/v1/repositories']!['post']!);
    if (body === undefined) continue;
    const sent = withoutNetwork(body, '/a/repository');
    const host = await hostOf(sent);
    if (isOfOthers(host)) outward.push([body, sent]);
    if (host !== null) accepted.as_sent += 1;
    if (isOfOthers(await hostOf(body))) accepted.outward_as_generated += 1;
  }
  process.stdout.write(`seed ${String(seed)}: of ${String(REQUESTS)} registrations ${JSON.stringify(accepted)}\n`);
  expect(outward).toEqual([]);
  // Were nothing accepted, or nothing outward before, nothing would be proven.
  expect(Math.min(...Object.values(accepted))).toBeGreaterThan(REQUESTS / 50);
}, 300_000);

it.each([
  ['{"full_name":"octocat/hell-world"}', '{"full_name":"no name"}'],
  ['\ufeff{"full_name":"octocat\\/hello-world"}', '\ufeff{"full_name":"no name"}'],
  ['{"clone_url":"https://exampl.com/team/project.git"}', '{"clone_url":"https://127.0.0.1/x"}'],
  ['{"clone_url":"https://example.com-0/team"}', '{"clone_url":"https://127.0.0.1/x"}'],
  ['{"clone_url":"git@example.com:a"}', '{"clone_url":"https://127.0.0.1/x"}'],
  ['{"clone_url":"https://example.com/%00?","a":1e999}', '{"clone_url":"https://127.0.0.1/%00?","a":1e999}'],
  ['{"full_name":"a","clone_url":"-x","local_path":"/x"}', '{"full_name":"a","clone_url":"-x","local_path":"/x"}'],
  ['{"full_name":"octocat/hell-world"', '{"full_name":"octocat/hell-world"'],
])('%s is sent as %s', (before, after) => {
  expect(withoutNetwork(before, '/a/repository')).toBe(after);
});
