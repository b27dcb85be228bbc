import { ApiExtension } from '@nestjs/swagger';
import { applyDecorators } from '@nestjs/common';

/** Statuses that a route may declare: those no other route shares, and shared ones with codes of its own. */
export type DeclaredStatus = 400 | 401 | 403 | 404 | 409 | 412 | 426 | 429 | 503;

export const DECLARED_PROBLEMS = 'x-problems';

/** Marks operations whose callers are counted; they answer 429, and tell on each answer what is left. */
export const LIMITED = 'x-limited';

/** Marks operations that answer a secret, and therefore refuse an `Idempotency-Key`. */
export const REFUSES_KEY = 'x-refuses-idempotency-key';

/** Codes of declared refusals by their status, as `openapi-complete.ts` finds them. */
export type DeclaredProblems = Partial<Record<DeclaredStatus, string[]>>;

/** Documents the conflicts (409) a route answers, by their codes: `@Problems('task/not-claimable')`. */
export const Problems = (...codes: [string, ...string[]]): MethodDecorator => ProblemsWith({ 409: codes });

/** Documents refusals with other statuses, or with several: `@ProblemsWith({ 404: ['auth/mock-login-off'] })`. Once a route. */
export const ProblemsWith = (problems: DeclaredProblems): MethodDecorator =>
  applyDecorators(ApiExtension(DECLARED_PROBLEMS, problems));
