import { DomainError } from '../domain-error.js';

/** Labels made up for each task would give each a lane of its own, and every claim looks at every lane. */
export class TooManyLanes extends DomainError {
  constructor(limit: number) {
    super(
      'queue/too-many-lanes',
      'conflict',
      `The tasks of this organization have ${String(limit)} combinations of repository, agent type and labels. Use one of them.`,
    );
  }
}
