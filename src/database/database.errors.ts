import pg from 'pg';
import { DomainError } from '../domain-error.js';

/** The database or its pool is out of reach; the caller may try again. */
export class DatabaseUnavailable extends DomainError {
  constructor(cause: unknown) {
    super(
      'database/unavailable',
      'unavailable',
      'The database is out of reach or too busy. Nothing is known to be lost; try again.',
      {},
      { cause },
    );
  }
}

/** The organization that a row was to belong to has been deleted since the caller was let in. */
export class OrganizationGone extends DomainError {
  constructor(cause?: unknown) {
    super('organization/not-found', 'missing', 'There is no such organization.', {}, { cause });
  }
}

/** What `pg` reports of a failed statement. */
export interface PostgresFault {
  code: string;
  constraint?: string;
  table?: string;
}

/** The PostgreSQL error behind an exception, or null when it is something else. */
export function postgresFault(error: unknown): PostgresFault | null {
  const candidate = error instanceof Error && 'driverError' in error ? error.driverError : error;
  if (!(candidate instanceof Error) || !('code' in candidate) || typeof candidate.code !== 'string') return null;
  return candidate as Error & PostgresFault;
}

/** Whether the exception says that a named unique, foreign key or check constraint was violated. */
export const violates = (error: unknown, constraint: string): boolean =>
  postgresFault(error)?.constraint === constraint;

/** Whether the exception says that a row would belong to an organization that is not there. */
export const isWithoutOrganization = (error: unknown): boolean =>
  postgresFault(error)?.constraint?.endsWith('_organization_id_fkey') ?? false;

// Classes 08 (connection), 28 (credentials), 53 (resources) and 57 (operator intervention, statement timeout); lock and
// idle timeouts; a database that is not there, or is a standby that only reads.
const UNAVAILABLE = /^(08...|28...|53...|57...|55P03|25P0[34]|25006|3D000)$/;
const SOCKET = /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|ENOTFOUND|EAI_AGAIN)$/;
const MESSAGES =
  /timeout exceeded when trying to connect|timeout expired|Query read timeout|Connection terminated|not queryable|pool after calling end/;

/** Whether the exception means that the database cannot be used right now, rather than that the statement is wrong. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  const code = postgresFault(error)?.code ?? '';
  if (UNAVAILABLE.test(code) || SOCKET.test(code)) return true;
  return error instanceof Error && MESSAGES.test(error.message);
}

/** Whether the connection itself has failed, rather than a statement that PostgreSQL has answered and given up. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof DatabaseUnavailable &&
  !(error.cause instanceof pg.DatabaseError && error.cause.severity === 'ERROR');

/** Thrown within a transaction to have it run again: what it had read has changed before it could be locked. */
export class RunAgain extends Error {
  constructor() {
    super('what the transaction had read has changed in the meantime');
    this.name = 'RunAgain';
  }
}

/** Whether a prepared statement would give other columns than it did: a migration has come by. */
export const isPlanOutdated = (error: unknown): boolean =>
  postgresFault(error)?.code === '0A000' && error instanceof Error && error.message.includes('cached plan');

/** Deadlocks, serialization failures, outdated plans and RunAgain: nothing was done, and it may be run again. */
export const isRetryable = (error: unknown): boolean =>
  error instanceof RunAgain || isPlanOutdated(error) || /^(40001|40P01)$/.test(postgresFault(error)?.code ?? '');
