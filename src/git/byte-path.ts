import { shownBytes } from './shown-bytes.js';

const SLASH = Buffer.from('/');

/** Paths on this host's disk are bytes: not every name there is text. */
export type BytePath = Buffer;

export const bytePath = (path: string): BytePath => Buffer.from(path, 'utf8');

/** What is called `name` in a folder. */
export const inFolder = (folder: BytePath, name: Buffer | string): BytePath =>
  Buffer.concat([folder, SLASH, typeof name === 'string' ? Buffer.from(name, 'utf8') : name]);

/** The folder that a path lies in. */
export const folderOf = (path: BytePath): BytePath => path.subarray(0, Math.max(1, path.lastIndexOf(SLASH)));

export const nameOf = (path: BytePath): Buffer => path.subarray(path.lastIndexOf(SLASH) + 1);

/** As text: bytes that are no UTF-8 are told as `\xNN`. */
export const shown = (path: Buffer): string => shownBytes(path);
