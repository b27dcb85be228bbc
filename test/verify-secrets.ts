import { createHash } from 'node:crypto';
import type pg from 'pg';

/** Something that was given out, or that the server was given. */
export interface Secret {
  /** What it is, without saying it. */
  name: string;
  text: string;
  /** Whether few enough are possible that a plain hash gives it away. */
  guessable?: boolean;
}

interface Column {
  schema: string;
  table: string;
  name: string;
  type: string;
}

/** Bytes that base64 takes together. */
const GROUP = 3;

/** Every row of every table as text; bytes both in hexadecimal and as the characters they may be. */
export async function dumpOf(sql: pg.Client): Promise<{ tables: string[]; text: string }> {
  const { rows: columns } = await sql.query<Column>(
    `select n.nspname as schema, c.relname as table, a.attname as name, t.typname as type
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type t on t.oid = a.atttypid
     where c.relkind in ('r', 'p', 'm') and n.nspname !~ '^pg_|^information_schema$'`,
  );
  const tables = [...new Set(columns.map(({ schema, table }) => `"${schema}"."${table}"`))].sort();
  const parts: string[] = [];
  for (const table of tables) {
    const bytes = columns.filter(
      (column) => `"${column.schema}"."${column.table}"` === table && column.type === 'bytea',
    );
    const decoded = bytes.map(({ name }) => `|| ' ' || coalesce(encode("${name}", 'escape'), '')`).join(' ');
    const { rows } = await sql.query<{ row: string }>(`select to_jsonb(t)::text ${decoded} as row from ${table} t`);
    parts.push(table, ...rows.map(({ row }) => row));
  }
  // What the statements of now say belongs to what an intruder sees.
  const { rows: statements } = await sql.query<{ query: string }>(`select query from pg_stat_activity`);
  return { tables, text: [...parts, ...statements.map(({ query }) => query)].join('\n') };
}

/** Names of the secrets that stand in the text, in whatever form. */
export const findSecrets = (text: string, secrets: readonly Secret[]): string[] => {
  const inSmall = text.toLowerCase();
  return secrets
    .filter((secret) => {
      const { literal, hexadecimal } = formsOf(secret);
      return literal.some((form) => text.includes(form)) || hexadecimal.some((form) => inSmall.includes(form));
    })
    .map(({ name }) => name);
};

/** What is searched for: the part of the secret that is worth something, as it is and encoded. */
function formsOf({ text, guessable = false }: Secret): { literal: string[]; hexadecimal: string[] } {
  // A prefix tells nothing, and of a signed token the signature alone is what cannot be made.
  const core =
    text
      .split('.')
      .at(-1)
      ?.replace(/^my[a-z]_/, '') ?? text;
  const base64 = Array.from({ length: GROUP }, (_, offset) => base64Within(core, offset));
  // What people type is kept without its punctuation.
  const typed = guessable ? [text, text.replace(/\W/g, '')] : [];
  const hashes = typed.map((form) => createHash('sha256').update(form).digest());
  return {
    literal: [
      core,
      encodeURIComponent(core),
      ...base64,
      ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
      ...typed,
      ...hashes.flatMap((hash) => [hash.toString('base64'), hash.toString('base64url')]),
    ],
    hexadecimal: [core, ...typed, ...hashes.map((hash) => hash.toString('latin1'))].map((form) =>
      Buffer.from(form, 'latin1').toString('hex'),
    ),
  };
}

/** The characters of base64 that depend on the text alone when it begins `offset` bytes into a group of three. */
function base64Within(text: string, offset: number): string {
  const bytes = Buffer.from(text);
  const from = (GROUP - offset) % GROUP;
  const whole = bytes.subarray(from, bytes.length - ((bytes.length - from) % GROUP));
  return whole.toString('base64');
}
