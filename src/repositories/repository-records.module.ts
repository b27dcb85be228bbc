import { Global, Module } from '@nestjs/common';
import { SecretCipher } from '../auth/secret-cipher.js';
import { EventsModule } from '../events/events.module.js';
import { MirrorRecords } from '../git/mirror-records.js';
import { CredentialSeals } from './credential-seals.js';
import { RepositoriesStore } from './repositories.store.js';
import { RepositoryCredentialsStore } from './repository-credentials.store.js';
import { RepositoryRecords } from './repository-records.js';

/** Global for MirrorRecords alone: the mirrors ask for it and must not know who answers. */
@Global()
@Module({
  imports: [EventsModule],
  providers: [
    RepositoriesStore,
    RepositoryCredentialsStore,
    SecretCipher,
    CredentialSeals,
    { provide: MirrorRecords, useClass: RepositoryRecords },
  ],
  exports: [RepositoriesStore, RepositoryCredentialsStore, CredentialSeals, MirrorRecords],
})
export class RepositoryRecordsModule {}
