import { OneOf } from '../http/fields.js';
import type { Actor } from './principal.js';

/** Who did something. */
export class ActorDto implements Actor {
  /**
   * What kind of caller it was.
   * @example user
   */
  @OneOf(['user', 'api_key', 'worker', 'coordinator', 'execution', 'github', 'system'])
  type!: Actor['type'];

  /**
   * Id of the user, key, worker, coordinator or execution; null for the system.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  id!: string | null;

  /**
   * Login of the person, null for programs.
   * @example octocat
   */
  login!: string | null;

  /**
   * What made the system act, null otherwise.
   * @example retry
   */
  trigger!: string | null;
}
