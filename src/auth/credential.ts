import type { Principal } from './principal.js';

/** What a caller came with. It can be asked again and again whether it is still good. */
export interface Credential {
  /**
   * Who is calling, read anew. Throws Unauthenticated once it has expired, is revoked or belongs to nobody any more. Who
   * is patient may be read a little later, with others.
   */
  identify(isPatient?: boolean): Promise<Principal>;
  /** Whether it certainly stands for whom it stood before. Costs less than to identify; where it does not, that is to be done. */
  stands(): Promise<boolean>;
}
