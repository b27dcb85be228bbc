// `npm run generate`: writes every file that is made from the code. With --check it only says which are not current.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { root } from './root.mjs';

const checkOnly = process.argv.includes('--check');

if (!checkOnly) {
  await ensureInstalled();
  // The compiler writes its output in spite of type errors, and those may come from the very client that is made here.
  await ensureBuilt().catch((error) => console.log(`${error.message} Going on with what was compiled all the same.`));
}
// Loaded late: it needs what has just been installed and built.
const { generateFiles } = await import('./generated/files.mjs');
const stale = [...(await generateFiles())].filter(([path, text]) => currentText(path) !== text);
for (const [path, text] of stale) {
  if (checkOnly) console.log(`${path} is not current (${firstDifference(currentText(path) ?? '', text)})`);
  else write(path, text);
}
if (checkOnly && stale.length > 0) {
  console.log('Run `npm run generate` and commit what it writes.');
  process.exitCode = 1;
}

function currentText(path) {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

function write(path, text) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  console.log(`wrote ${path}`);
}

function firstDifference(current, wanted) {
  const lines = wanted.split('\n');
  const at = current.split('\n').findIndex((line, index) => line !== lines[index]);
  const line = at === -1 ? current.split('\n').length : at;
  return `line ${line + 1} should be: ${(lines[line] ?? '(nothing)').trim().slice(0, 160)}`;
}
