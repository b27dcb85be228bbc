import { Global, Module } from '@nestjs/common';
import { Addresses } from './addresses.js';
import { InputPipe } from './input.pipe.js';
import { Lifecycle } from './lifecycle.js';
import { ServerAddress } from './server-address.js';

/** What every feature may ask of the server itself. */
@Global()
@Module({
  providers: [Lifecycle, Addresses, ServerAddress, InputPipe],
  exports: [Lifecycle, Addresses, ServerAddress, InputPipe],
})
export class LifecycleModule {}
