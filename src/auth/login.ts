/** GitHub's longest login. */
const MAX_LENGTH = 39;

/** A login in GitHub's form from the part of an e-mail address before the `@`. Several people may get the same. */
export function loginFrom(email: string): string {
  const words =
    email
      .slice(0, email.lastIndexOf('@'))
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  return words.join('-').slice(0, MAX_LENGTH).replace(/-$/, '') || 'user';
}
