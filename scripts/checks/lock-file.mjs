// The lock file is that of package.json, or a fresh clone could not install. It names no download addresses, so that any
// registry can serve it, and only licences that ask for nothing but their own text to be passed on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../root.mjs';

const LICENCES = new Set([
  ...['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0', 'Unlicense'],
  ...['CC0-1.0', 'CC-BY-4.0', 'Python-2.0'],
]);

// Packages from before npm had a field for it. Their own LICENSE files or READMEs say MIT.
const UNNAMED = new Set(['busboy', 'passport-github2', 'passport-strategy', 'pause', 'reserved', 'streamsearch']);

const { packages } = readJson('package-lock.json');
const faults = [
  ...differences(readJson('package.json'), packages['']),
  ...Object.entries(packages).flatMap(([path, { resolved, license }]) => {
    if (path === '') return [];
    const name = path.replace(/^.*node_modules\//, '');
    return [
      ...(resolved ? [`${name} has a download address ("resolved")`] : []),
      ...(isAllowed(name, license) ? [] : [`${name} has the licence ${license ?? '(none named)'}`]),
    ];
  }),
];
for (const fault of faults) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

function readJson(file) {
  return JSON.parse(readFileSync(join(root, file), 'utf8'));
}

/** npm installs what both agree on, and says nothing of the rest. */
function differences(wanted, locked) {
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) => {
    const [here = {}, there = {}] = [wanted[kind], locked[kind]];
    return Object.keys({ ...here, ...there })
      .filter((name) => here[name] !== there[name])
      .map(
        (name) =>
          `${name} is ${here[name] ?? 'absent'} in package.json and ${there[name] ?? 'absent'} in the lock file`,
      );
  });
}

/** Of alternatives any that is allowed will do; of a combination all must be. */
function isAllowed(name, license) {
  if (!license) return UNNAMED.has(name);
  const alternatives = license.replace(/[()]/g, '').split(' OR ');
  return alternatives.some((terms) => terms.split(' AND ').every((term) => LICENCES.has(term)));
}
