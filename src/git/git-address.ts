import { Injectable } from '@nestjs/common';
import { ServerAddress } from '../http/server-address.js';

/** Where workers reach the mirrors of this installation. */
@Injectable()
export class GitAddress {
  constructor(private readonly server: ServerAddress) {}

  /** The smart HTTP address of a repository's mirror, without credentials. */
  of(repository_id: string): string {
    return `${this.server.url}/git/${repository_id}.git`;
  }
}
