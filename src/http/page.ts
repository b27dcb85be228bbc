import { ApiProperty } from '@nestjs/swagger';
import { InvalidInput } from '../domain-error.js';
import { isId } from '../ids.js';
import { Optional, Pattern, QueryNumber } from './fields.js';
import { isInstant } from './instant.js';

const DEFAULT_LIMIT = 20;
const CURSOR_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/** What every list takes. */
export class PageQuery {
  /**
   * How many items to answer at the most.
   * @example 20
   */
  @QueryNumber({ min: 1, max: 100, fallback: DEFAULT_LIMIT })
  limit: number = DEFAULT_LIMIT;

  /**
   * `next_cursor` of the page before; absent for the first page.
   * @example WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ
   */
  @Optional()
  @Pattern(/^[A-Za-z0-9_-]+$/, 'the next_cursor of an earlier answer', 1024)
  cursor?: string;
}

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** Where a page ended: the time and id of its last item. */
export interface Position {
  at: string;
  id: string;
}

/** Rows of a keyset query select this as `cursor_at`: PostgreSQL keeps microseconds, JavaScript's Date does not. */
export const cursorTime = (column: string): string =>
  `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Reads a cursor made by `toPage`. Throws InvalidInput for anything else. */
export function readCursor(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const [at, id] = Array.isArray(parsed) ? (parsed as unknown[]) : [];
    if (typeof at === 'string' && CURSOR_TIME.test(at) && isInstant(at) && typeof id === 'string' && isId(id))
      return { at, id };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidInput('The cursor is not one this server has given out.', [
    { field: 'cursor', message: 'cursor must be the next_cursor of an earlier answer' },
  ]);
}

/** A page from `limit + 1` rows: the extra row is the answer to whether there are more. */
export function toPage<Row extends { id: string; cursor_at: string }, T>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const cursor = last && Buffer.from(JSON.stringify([last.cursor_at, last.id])).toString('base64url');
  return { items: shown.map(present), next_cursor: cursor ?? null };
}

/** The class of one page of `item`, for the OpenAPI document. */
export function PageOf<T>(item: new () => T): new () => Page<T> {
  class ItemPage implements Page<T> {
    @ApiProperty({ description: 'The items of this page.', type: [item] })
    items!: T[];

    @ApiProperty({
      description: 'Cursor of the next page, null when this is the last.',
      type: String,
      nullable: true,
      example: null,
    })
    next_cursor!: string | null;
  }
  Object.defineProperty(ItemPage, 'name', { value: `${item.name.replace(/Dto$/, '')}Page` });
  return ItemPage;
}
