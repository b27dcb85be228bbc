// No file or folder has a name that says nothing about what is in it, and there are no barrels.
import { join, relative } from 'node:path';
import { filesIn } from '../build.mjs';
import { root } from '../root.mjs';

const FOLDERS = ['src', 'migrations', 'test', 'scripts', '.ci'];
const EMPTY_WORDS = /^(utils?|helpers?|common|shared|managers?|misc)$/i;

const files = FOLDERS.flatMap((folder) => filesIn(join(root, folder))).map((file) => relative(root, file));
const faults = files.flatMap((file) => {
  const parts = file.split(/[\\/]/);
  const word = parts.flatMap((part) => part.split(/[.\-_]/)).find((piece) => EMPTY_WORDS.test(piece));
  if (word !== undefined) return [`${file}: "${word}" could hold anything; name it by what it is for`];
  return /^index\./.test(parts.at(-1)) ? [`${file}: import from the file itself, not from a barrel`] : [];
});
for (const fault of faults) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
