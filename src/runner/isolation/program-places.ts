import { access, constants, lstat, open, readdir, readlink, realpath } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join, resolve } from 'node:path';

/** Links that lead to links, at most. */
const MOST_LINKS = 20;
const LONGEST_SHEBANG = 1024;

/** The first program of this name on a PATH; null when there is none that may be run. */
export async function findOnPath(name: string, path: string): Promise<string | null> {
  for (const directory of path.split(delimiter).filter((part) => isAbsolute(part))) {
    const file = join(directory, name);
    const runnable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runnable) return file;
  }
  return null;
}

/** Directories of a PATH, and the libraries beside them: programs are often links from `bin` into `lib`. */
export async function directoriesOf(path: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of path.split(delimiter).filter((one) => isAbsolute(one)))
    for (const place of [entry, join(dirname(entry), 'lib')]) if (await isFilled(place)) found.push(place);
  return found;
}

/**
 * What these programs need to be seen beside their PATH: where their links lead, and those of what they are written for.
 * Installers put a version into a directory of its own, or a Python environment, and a link to it into `~/.local/bin`.
 * A directory that holds one of the `wide` ones holds more than programs: of that only the file itself.
 */
export async function placesOf(names: readonly string[], path: string, wide: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    const file = await findOnPath(name, path);
    if (file !== null) files.push(...(await filesOf(file, path)));
  }
  const holders = [...wide, ...path.split(delimiter)].filter((one) => isAbsolute(one));
  const places = new Set<string>();
  for (const file of files) {
    if (!(await exists(file))) continue;
    for (const place of await around(file)) {
      const isWide = holders.some((one) => one === place || one.startsWith(`${place}/`));
      places.add(isWide ? file : place);
    }
  }
  return [...places];
}

/** Where the links of a program lead, one after the other, and those of what it is written for. */
async function filesOf(file: string, path: string): Promise<string[]> {
  const files = await linksOf(file);
  const interpreter = await interpreterOf(file, path);
  return interpreter === null ? files : [...files, interpreter, ...(await linksOf(interpreter))];
}

async function linksOf(file: string): Promise<string[]> {
  const files: string[] = [];
  let place = file;
  for (let links = 0; links < MOST_LINKS && (await isLink(place)); links++) {
    place = resolve(dirname(place), await readlink(place));
    files.push(place);
  }
  // Directories on the way may be links as well.
  const whole = await realpath(file).catch(() => file);
  return whole === place ? files : [...files, whole];
}

/** A Python environment is needed whole, a program in `bin` with the libraries beside it, any other with what lies beside it. */
async function around(file: string): Promise<string[]> {
  const directory = dirname(file);
  const packages = file.indexOf('/node_modules/');
  if (packages > 0) return [`${file.slice(0, packages)}/node_modules`];
  if (basename(directory) !== 'bin') return [directory];
  const above = dirname(directory);
  if (await exists(join(above, 'pyvenv.cfg'))) return [above];
  return (await isFilled(join(above, 'lib'))) ? [directory, join(above, 'lib')] : [directory];
}

/** The program that a script names in its first line. */
async function interpreterOf(file: string, path: string): Promise<string | null> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null);
  if (handle === null) return null;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LONGEST_SHEBANG), 0, LONGEST_SHEBANG, 0);
    const [, program = '', first = ''] =
      /^#! *(\S+)(?: +([\w.+-]+))?/.exec(buffer.toString('latin1', 0, bytesRead)) ?? [];
    if (basename(program) === 'env') return first === '' ? null : await findOnPath(first, path);
    return isAbsolute(program) ? program : null;
  } catch {
    // A directory, or what cannot be read; whoever starts it will say so.
    return null;
  } finally {
    await handle.close();
  }
}

const exists = async (path: string): Promise<boolean> => (await lstat(path).catch(() => null)) !== null;

const isLink = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => null))?.isSymbolicLink() ?? false;

async function isFilled(place: string): Promise<boolean> {
  const status = await lstat(place).catch(() => null);
  return status?.isDirectory() === true && (await readdir(place).catch(() => [])).length > 0;
}
