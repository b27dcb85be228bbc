import { copyFile, lstat, rm } from 'node:fs/promises';

/** Of a file, without following a link: differs when it is another one, or was written since. Null when it is not there. */
export async function stateOf(path: string): Promise<string | null> {
  const state = await lstat(path, { bigint: true }).catch(() => null);
  return state && [state.ino, state.size, state.mode, state.mtimeNs, state.ctimeNs].join();
}

/** Has a file be there as it is elsewhere, or be there as little. */
export async function copyIfThere(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await copyFile(from, to).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
  });
}
