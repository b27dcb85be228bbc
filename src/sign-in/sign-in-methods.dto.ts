/** The ways to sign in here. */
export class SignInMethodsDto {
  /**
   * Whether people sign in through GitHub.
   * @example true
   */
  github!: boolean;

  /**
   * Whether there is a login without GitHub, for development.
   * @example false
   */
  mock!: boolean;
}
