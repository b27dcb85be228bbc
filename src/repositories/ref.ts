import { Pattern } from '../http/fields.js';

/** What names a commit, to the letter: blanks that are no spaces may stand at either end of a name. */
export const Ref = () => Pattern(/[\s\S]/, 'the name of a branch or tag, or the id of a commit', 4096);
