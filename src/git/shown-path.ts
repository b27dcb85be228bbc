import { isUtf8 } from 'node:buffer';
import { ESCAPED_BYTE, bytesOfShown } from './shown-bytes.js';

/** What git is given for a path of a repository as it is shown. */
export interface Pathspec {
  /** An option of git itself, before the command. */
  option: '--literal-pathspecs' | '--glob-pathspecs';
  specs: string[];
  /** Null when git finds nothing else by it; otherwise what it has found is to be looked through. */
  isWanted: ((path: Buffer) => boolean) | null;
}

/**
 * The file at the path, or what is below it. A byte that is no text cannot be an argument: any byte may stand in its
 * place, and what is found is compared.
 */
export function pathspecOf(path: string): Pathspec {
  const bytes = bytesOfShown(path);
  if (isUtf8(bytes)) return { option: '--literal-pathspecs', specs: [bytes.toString('utf8')], isWanted: null };
  const parts = path.replace(/\/+$/, '').split(ESCAPED_BYTE);
  const glob = parts
    .map((part) =>
      bytesOfShown(part)
        .toString('utf8')
        .replace(/[*?[\\]/g, '\\$&'),
    )
    .join('?');
  const whole = bytesOfShown(path.replace(/\/+$/, ''));
  const folder = Buffer.concat([whole, Buffer.from('/')]);
  return {
    option: '--glob-pathspecs',
    specs: [glob, `${glob}/**`],
    isWanted: (found) => found.equals(whole) || found.subarray(0, folder.length).equals(folder),
  };
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** A path as git writes it without `-z` and with `core.quotePath` off: in quotes, with codes, if anything in it is strange. */
export function unquoted(written: Buffer): Buffer {
  if (written[0] !== 0x22) return written;
  const text = written.toString('latin1', 1, written.length - 1);
  const plain = text.replace(/\\([0-7]{3}|.)/gs, (_, code: string) =>
    code.length === 3
      ? String.fromCharCode(Number.parseInt(code, 8))
      : code in ESCAPES
        ? String.fromCharCode(ESCAPES[code] ?? 0)
        : code,
  );
  return Buffer.from(plain, 'latin1');
}
