// Development's secrets: made once, kept readable by their owner only, never printed.
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const KEY_CHARACTERS = 40;
const CHECKSUM_CHARACTERS = 6;

/**
 * Reads the file of secrets; what is not in it yet is generated and kept.
 * @param {string} file
 * @returns {{ JWT_SECRET: string, WORKER_REGISTRATION_KEY: string, TOKEN_ENCRYPTION_KEYS: string }}
 */
export function ensureSecrets(file) {
  const kept = existsSync(file) ? readSecrets(file) : {};
  const generators = {
    JWT_SECRET: newSecret,
    WORKER_REGISTRATION_KEY: newKey,
    TOKEN_ENCRYPTION_KEYS: newEncryptionKey,
  };
  const missing = Object.entries(generators).filter(([name]) => typeof kept[name] !== 'string');
  if (missing.length === 0) return kept;
  const secrets = { ...kept, ...Object.fromEntries(missing.map(([name, generate]) => [name, generate()])) };
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
  return secrets;
}

/** A key as the server checks it: `myk_`, random characters, and a checksum that tells a typing error from a wrong key. */
export function newKey() {
  const body = `myk_${Array.from({ length: KEY_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')}`;
  return body + checksum(body);
}

/** @param {string} text */
function checksum(text) {
  let rest = crc32(Buffer.from(text));
  let digits = '';
  for (; rest > 0; rest = Math.floor(rest / ALPHABET.length)) digits = ALPHABET[rest % ALPHABET.length] + digits;
  return digits.padStart(CHECKSUM_CHARACTERS, '0');
}

/** By hand: zlib's own came with Node 20.15 and 22.2, and the doctor must still run on what is older. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function newSecret() {
  return randomBytes(48).toString('base64url');
}

/** One key for AES-256, under a name of its own so that another may follow it. */
function newEncryptionKey() {
  return `development:${randomBytes(32).toString('base64')}`;
}

function readSecrets(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} cannot be read (${error.message}). Remove it and new secrets will be made.`);
  }
}
