import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../domain-error.js';

/** Beside `src` of the sources, and beside `src` of what the build makes of them. */
const PLACES = ['../../dist/miyabi.mjs', '../../miyabi.mjs'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** The command line as one file. */
export interface CliFile {
  bytes: Buffer;
  sha256: string;
}

export class CliNotBuilt extends DomainError {
  constructor() {
    super('download/not-built', 'missing', 'This server was built without its command line.');
  }
}

/** Keeps the command line that was built with this server, for machines that fetch it. */
@Injectable()
export class CliFileService {
  private known: (CliFile & { read: string }) | null = null;

  /** Read once; again only when it was built again meanwhile. Throws CliNotBuilt. */
  async find(): Promise<CliFile> {
    for (const place of PLACES) {
      const facts = await stat(place).catch(() => null);
      if (facts === null) continue;
      const read = `${place} ${String(facts.size)} ${String(facts.mtimeMs)}`;
      if (this.known?.read !== read) {
        const bytes = await readFile(place);
        this.known = { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), read };
      }
      return this.known;
    }
    throw new CliNotBuilt();
  }
}
