// Every file that is made from the code, with the text it should have.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { format, resolveConfig } from 'prettier';
import { chartOf } from '../../bench/chart.mjs';
import { root } from '../root.mjs';
import { describeApplication } from './application.mjs';
import { configurationTable, environmentExample } from './configuration.mjs';
import { permissionsPage } from './permissions.mjs';
import { taskStatesPage } from './task-states.mjs';

const MARKERS = ['<!-- configuration -->', '<!-- /configuration -->'];

/** @returns {Promise<Map<string, string>>} text by path below the root */
export async function generateFiles() {
  const document = inOrder((await describeApplication()).document);
  const table = await configurationTable();
  const files = new Map([
    ['openapi.json', `${JSON.stringify(document, null, 2)}\n`],
    ['src/client/schema.generated.ts', await clientTypes(document)],
    ['docs/configuration.md', await asMarkdown(`# Configuration\n\n${table}`)],
    ['docs/permissions.md', await asMarkdown(await permissionsPage(document))],
    ['docs/task-states.md', await asMarkdown(await taskStatesPage())],
    ['.env.example', await environmentExample()],
    ['docs/benchmark.svg', chartOf(join(root, 'bench', 'results'))],
  ]);
  if (existsSync(join(root, 'README.md'))) files.set('README.md', await asMarkdown(spliceReadme(table)));
  return files;
}

/** @param {import('@nestjs/swagger').OpenAPIObject} document */
async function clientTypes(document) {
  const types = astToString(await openapiTypescript(structuredClone(document), { defaultNonNullable: false }));
  return `// Made from openapi.json by \`npm run generate\`.\n${types}`;
}

function spliceReadme(table) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [begin, end] = MARKERS.map((marker) => readme.indexOf(marker));
  if (begin === -1 || end < begin) throw new Error(`README.md lacks the lines ${MARKERS.join(' and ')}.`);
  return `${readme.slice(0, begin)}${MARKERS[0]}\n\n${table}\n\n${readme.slice(end)}`;
}

/** Operations and components by name; within them the order is that of the code, which has a meaning for readers. */
function inOrder({ paths, components, ...rest }) {
  const sorted = Object.entries(components).map(([kind, members]) => [kind, byName(members)]);
  return { ...rest, paths: byName(paths), components: byName(Object.fromEntries(sorted)) };
}

function byName(members) {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The formatter has the last word on every file that people read. */
async function asMarkdown(text) {
  const options = await resolveConfig(join(root, 'README.md'));
  return format(text, { ...options, parser: 'markdown' });
}
