import { Optional, Pattern } from '../http/fields.js';

/** Where a browser wants to go once it is signed in. */
export class GithubSignInQuery {
  /**
   * Own path to go to afterwards: a single slash first, no other host. `/` if absent.
   * @example /tasks
   */
  @Optional()
  @Pattern(/^\/(?![/\\])/, 'a path of this server', 2048)
  redirect?: string;
}
