import pg from 'pg';
import { BEGIN_PREPARED } from '../src/database/database.js';
import type { Statement } from './store-statements.js';

/** A node of a plan, as far as anything is judged by it. */
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Total Cost': number;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: PlanNode[];
}

/** What is wrong with the plan of a statement. */
export interface Finding {
  name: string;
  /** `reads all of tasks`, `touches 2000 pages`, `costs 9000`. */
  what: string;
  sql: string;
  parameters: readonly unknown[];
}

/** A table of fewer pages is read as a whole no later than by an index. */
const BIG_PAGES = 30;
/** A page costs the planner 1 in order and 4 out of order: a statement may be expected to look at some hundreds. */
const DEAREST = 1500;
/** Pages that a statement may really look at, its indexes included: 100 rows, each by an index and with another one. */
const MOST_PAGES = 500;

const WRITES = /\b(insert\s+into|delete\s+from|update\s+\w+(\s+(as\s+)?\w+)?\s+set)\b/i;

/** Asks the planner for statements, in a transaction that is undone. */
export class PlanChecks {
  private constructor(
    private readonly sql: pg.Client,
    /** Tables that must not be read as a whole. */
    readonly big: ReadonlySet<string>,
  ) {}

  static async over(sql: pg.Client): Promise<PlanChecks> {
    const { rows } = await sql.query<{ name: string }>(
      `select relname as name from pg_class
       where relnamespace = 'public'::regnamespace and relkind = 'r' and relpages >= $1`,
      [BIG_PAGES],
    );
    return new PlanChecks(sql, new Set(rows.map(({ name }) => name)));
  }

  /** What is wrong with the plans of statements; `before` may break something that is undone afterwards. */
  async findings(statements: readonly Statement[], before = ''): Promise<Finding[]> {
    await this.sql.query('begin');
    try {
      // What somebody else holds is not waited for: the plan is told without it.
      await this.sql.query(`set local lock_timeout = '1s'`);
      if (before !== '') await this.sql.query(before);
      const found: Finding[] = [];
      for (const statement of statements) found.push(...(await this.judge(statement)));
      return found;
    } finally {
      await this.sql.query('rollback');
    }
  }

  private async judge({ name, sql, parameters, prepared }: Statement): Promise<Finding[]> {
    const plan = prepared ? await this.planOfPrepared(sql, parameters) : await this.planOf(sql, parameters);
    const pages = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
    const whole = new Set(
      nodesOf(plan).flatMap((node) => {
        const table = node['Relation Name'] ?? '';
        return node['Node Type'] === 'Seq Scan' && this.big.has(table) ? [table] : [];
      }),
    );
    return [
      ...[...whole].map((table) => `reads all of ${table}`),
      ...(pages > MOST_PAGES ? [`touches ${String(pages)} pages`] : []),
      ...(pages === 0 && plan['Total Cost'] > DEAREST ? [`costs ${String(Math.round(plan['Total Cost']))}`] : []),
    ].map((what) => ({ name, what, sql, parameters }));
  }

  /** Reading ones are run, so that what they touch is known and not guessed; of the others only the plan is made. */
  private async planOf(sql: string, parameters: readonly unknown[], written = sql): Promise<PlanNode> {
    const how = WRITES.test(written) ? '' : 'analyze, buffers, timing off, ';
    await this.sql.query('savepoint plan');
    try {
      return await this.explain(`explain (${how}format json) ${sql}`, parameters);
    } catch (error) {
      if (how === '') throw error;
      await this.sql.query('rollback to savepoint plan');
      return await this.explain(`explain (format json) ${sql}`, parameters);
    } finally {
      await this.sql.query('rollback to savepoint plan');
    }
  }

  /** The plan that a connection keeps for a prepared statement. The parameters of EXECUTE are written out. */
  private async planOfPrepared(sql: string, parameters: readonly unknown[]): Promise<PlanNode> {
    await this.sql.query('savepoint prepared');
    try {
      await this.sql.query(BEGIN_PREPARED.replace(/^begin; /, ''));
      await this.sql.query(`prepare checked as ${sql}`);
      const values = parameters.map(literal);
      return await this.planOf(`execute checked${values.length === 0 ? '' : ` (${values.join(', ')})`}`, [], sql);
    } finally {
      await this.sql.query('rollback to savepoint prepared');
      await this.sql.query('deallocate all');
    }
  }

  private async explain(statement: string, parameters: readonly unknown[]): Promise<PlanNode> {
    const { rows } = await this.sql.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(statement, [...parameters]);
    const [first] = rows[0]?.['QUERY PLAN'] ?? [];
    if (first === undefined) throw new Error(`there is no plan of ${statement}`);
    return first.Plan;
  }
}

/** Foreign keys by which a row cannot be found: to delete what they refer to is to read all of their table. */
export async function unindexedForeignKeys(sql: pg.Client): Promise<string[]> {
  const { rows } = await sql.query<{ name: string }>(
    `select conname as name from pg_constraint c
     where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
       select from pg_index i where i.indrelid = c.conrelid and i.indpred is null
         and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)
     order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** A parameter written out; its type is that of the place where it stands. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (!Array.isArray(value)) return pg.escapeLiteral(textOf(value));
  const items = value.map((item: unknown) => (item === null ? 'null' : JSON.stringify(textOf(item))));
  return pg.escapeLiteral(`{${items.join(',')}}`);
}

function textOf(value: unknown): string {
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
