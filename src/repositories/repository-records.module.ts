import { Global, Module } from '@nestjs/common';
import { MirrorRecords } from '../git/mirror-records.js';
import { RepositoriesStore } from './repositories.store.js';
import { RepositoryRecords } from './repository-records.js';

/** Global for MirrorRecords alone: the mirrors ask for it and must not know who answers. */
@Global()
@Module({
  providers: [RepositoriesStore, { provide: MirrorRecords, useClass: RepositoryRecords }],
  exports: [RepositoriesStore, MirrorRecords],
})
export class RepositoryRecordsModule {}
