import { ApiProperty } from '@nestjs/swagger';
import { InvalidInput } from '../domain-error.js';
import { isId } from '../ids.js';
import { Optional, Pattern, QueryNumber } from './fields.js';
import { isInstant } from './instant.js';

export const DEFAULT_LIMIT = 20;
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
  const [at, id, ...more] = cursorParts(cursor);
  if (isCursorTime(at) && isCursorId(id) && more.length === 0) return { at, id };
  throw brokenCursor();
}

/** The texts that a cursor is made of, for lists whose order is not that of time alone. */
export function cursorParts(cursor: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parsed) ? parsed : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

export const toCursor = (parts: readonly string[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

export const isCursorTime = (part: unknown): part is string =>
  typeof part === 'string' && CURSOR_TIME.test(part) && isInstant(part);

export const isCursorId = (part: unknown): part is string => typeof part === 'string' && isId(part);

/** Refuses a cursor that is not one of this list. */
export const brokenCursor = (): InvalidInput =>
  new InvalidInput('The cursor is not one this server has given out.', [
    { field: 'cursor', message: 'cursor must be the next_cursor of an earlier answer' },
  ]);

/** A page from `limit + 1` rows: the extra row is the answer to whether there are more. */
export function toPage<Row extends { id: string; cursor_at: string }, T>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => T,
): Page<T> {
  return pageBy(rows, limit, present, ({ cursor_at, id }) => [cursor_at, id]);
}

/** A page whose cursor is made of what `place` gives of its last row. */
export function pageBy<Row, T>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => T,
  place: (row: Row) => readonly string[],
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { items: shown.map(present), next_cursor: last === undefined ? null : toCursor(place(last)) };
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
