import { DomainError } from '../domain-error.js';

/**
 * Why a stream ends: its process stops; its caller is signed out, or may not read this any more; all was said; what it
 * told of was removed; its reader takes nothing; or it could not begin just now.
 */
export type StreamEnd = 'shutdown' | 'signed-out' | 'forbidden' | 'finished' | 'removed' | 'slow' | 'busy';

/** This process serves as many streams as it may. */
export class TooManyStreams extends DomainError {
  constructor() {
    super('stream/too-many', 'unavailable', 'This process serves as many streams as it may. Try again later.');
  }
}

/** Nothing that goes on is begun any more. */
export class Stopping extends DomainError {
  constructor() {
    super('server/stopping', 'unavailable', 'This process is about to stop. Try again on another connection.');
  }
}
