import { AsyncLocalStorage } from 'node:async_hooks';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { INestApplicationContext } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Database } from '../src/database/database.js';

/** A statement with its parameters, as a store gave it to the database. */
export interface Statement {
  /** `TasksStore.findOne`, the method that was asked for. */
  name: string;
  sql: string;
  parameters: readonly unknown[];
  /** Whether its connection has it prepared, with one plan for all parameters. */
  prepared: boolean;
}

/** How many different parameters are kept of one statement. */
const SAMPLES = 3;
const CALL = /this\.database\s*\.(?:query|one|count|prepared)\b/g;
const FRAME = /\/(?<place>(?<file>[\w-]+\.store\.ts):\d+):\d+\)?$/m;

/** `tasks.store.ts:101`: every place of a store that asks the database, as it stands in the sources. */
export function placesOfStores(): string[] {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.store.ts'));
  return files.flatMap((file) => {
    const source = readFileSync(`src/${file}`, 'utf8');
    return [...source.matchAll(CALL)].map(
      (found) => `${basename(file)}:${source.slice(0, found.index + found[0].length).split('\n').length}`,
    );
  });
}

/** Every store that the application is made of. */
function storesOf(app: INestApplicationContext): object[] {
  const providers = app.get(DiscoveryService, { strict: false }).getProviders();
  const instances = providers.flatMap(({ instance }) => (isStore(instance) ? [instance] : []));
  return [...new Set(instances)];
}

const isStore = (instance: unknown): instance is object =>
  (instance as object | null)?.constructor.name.endsWith('Store') ?? false;

const methodsOf = (store: object): string[] =>
  Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(store) as object))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([name]) => name);

/** `TasksStore.findOne`: every method of every store, whoever may call it. */
export const methodsOfStores = (app: INestApplicationContext): string[] =>
  storesOf(app).flatMap((store) => methodsOf(store).map((method) => `${store.constructor.name}.${method}`));

/** Listens to what the stores of an application ask their database, and changes nothing of it. */
export class StatementRecorder {
  /** By text and by which parameters are absent: the planner sees these, and they are other questions. */
  private readonly known = new Map<string, Statement[]>();
  private readonly seen = new Set<string>();
  /** Statements that no store asked for. */
  readonly strays: string[] = [];

  /** Methods of stores under way, the outermost first. */
  private readonly context = new AsyncLocalStorage<readonly string[]>();
  private readonly undo: (() => void)[] = [];

  private readonly database: Database;

  constructor(app: INestApplicationContext) {
    this.database = app.get(Database);
    for (const store of storesOf(app)) {
      for (const method of methodsOf(store))
        this.wrap(store, method, (work) => {
          const name = `${store.constructor.name}.${method}`;
          return this.context.run([...(this.context.getStore() ?? []), name], work);
        });
    }
    for (const method of ['query', 'count'])
      this.wrap(this.database, method, (work, sql, parameters) => {
        this.note(sql as string, (parameters ?? []) as readonly unknown[], new Error().stack ?? '');
        return work();
      });
  }

  /** Leaves everything as it was. */
  stop(): void {
    this.undo.forEach((undo) => undo());
  }

  get statements(): readonly Statement[] {
    return [...this.known.values()].flat();
  }

  /** Those of the places and methods that have asked nothing so far. */
  unseen(expected: readonly string[]): string[] {
    return expected.filter((one) => !this.seen.has(one));
  }

  private note(sql: string, parameters: readonly unknown[], stack: string): void {
    const frame = FRAME.exec(stack)?.groups;
    if (frame === undefined) {
      this.strays.push(sql);
      return;
    }
    const names = this.context.getStore() ?? [];
    [frame['place'] ?? '', ...names].forEach((one) => this.seen.add(one));
    const name = names[0] ?? frame['file'] ?? '';
    const absent = parameters.map((value) => (value === null || value === undefined ? '-' : '+')).join('');
    const prepared = this.database.isPrepared;
    const key = `${name} ${String(prepared)} ${absent} ${sql}`;
    const kept = this.known.get(key) ?? [];
    // The first ones, and always the last one: what was asked late was asked on purpose.
    if (kept.length === SAMPLES) kept.pop();
    kept.push({ name, sql, parameters, prepared });
    this.known.set(key, kept);
  }

  private wrap(
    target: object,
    method: string,
    around: (work: () => unknown, ...parameters: unknown[]) => unknown,
  ): void {
    const original = (target as Record<string, (...parameters: unknown[]) => unknown>)[method]?.bind(target);
    Object.assign(target, {
      [method]: (...parameters: unknown[]) => around(() => original?.(...parameters), ...parameters),
    });
    this.undo.push(() => Reflect.deleteProperty(target, method));
  }
}
