// Reads `.env`: NAME=value a line, `#` comments, quotes around values that need them.
import { existsSync, readFileSync } from 'node:fs';

/**
 * @param {string} file
 * @returns {Record<string, string>} nothing when there is no such file
 */
export function readEnvironmentFile(file) {
  if (!existsSync(file)) return {};
  return Object.fromEntries(
    readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .flatMap((line, index) => {
        if (/^\s*(#|$)/.test(line)) return [];
        const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
        if (!match) throw new Error(`${file}, line ${index + 1}: expected NAME=value.`);
        return [[match[1], unquote(match[2])]];
      }),
  );
}

/** @param {string} text */
function unquote(text) {
  const quoted = /^(["'])(.*)\1(?:\s+#.*)?$/.exec(text);
  if (!quoted) return text.replace(/(^|\s)#.*$/, '').trim();
  return quoted[1] === '"' ? quoted[2].replaceAll('\\n', '\n').replaceAll('\\"', '"') : quoted[2];
}
