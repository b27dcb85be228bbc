import { AnyOf, Id, OneOf, Optional, Pattern, RawText } from '../http/fields.js';
import { STREAMED_TYPES } from './events.dto.js';

const LONGEST_TOKEN = 4096;
const LONGEST_NAME = 100;

/** Says who is calling: the first message, and again before an access token expires. */
export class AuthMessage {
  /**
   * What the message is.
   * @example auth
   */
  @OneOf(['auth'])
  type!: 'auth';

  /**
   * An access token or an API key.
   * @example eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl
   */
  @RawText({ max: LONGEST_TOKEN })
  token!: string;
}

/** Asks for events; a later one takes the place of an earlier one. */
export class SubscribeMessage {
  /**
   * What the message is.
   * @example subscribe
   */
  @OneOf(['subscribe'])
  type!: 'subscribe';

  /**
   * The caller's own name for this message, which the answer repeats.
   * @example 1
   */
  @Optional()
  @RawText({ max: LONGEST_NAME })
  id?: string;

  /**
   * Position behind which to begin: `id` of the last event known. Absent begins with what happens from now on.
   * @example 1024
   */
  @Optional()
  @Pattern(/^\d{1,18}$/, 'the id of an event')
  after?: string;

  /**
   * Only events of these types.
   * @example ["task.completed"]
   */
  @Optional()
  @AnyOf(STREAMED_TYPES)
  types?: string[];

  /**
   * Only events about this task.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  task_id?: string;
}
