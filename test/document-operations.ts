import { readFileSync } from 'node:fs';
import { newId } from '../src/ids.js';
import type { Permission } from '../src/auth/permissions.js';
import type { Document, Operation, Parameter } from './request-fuzzer.js';

type Json = Record<string, unknown>;

/** What a documented operation asks of its caller. */
export type Demand = 'public' | 'signed-in' | 'worker' | 'coordinator' | Permission;

/** One operation of the committed document. */
export interface DocumentedOperation {
  /** `tasksCreate` */
  id: string;
  method: string;
  /** With its parameters in braces. */
  path: string;
  demand: Demand;
  operation: Operation;
}

/** Where an id of something else stands in a request. */
export interface Reference {
  place: 'query' | 'body';
  /** Name of the field that holds it, at the end of `path`: `repository_id`. */
  name: string;
  /** Fields from the body's root on; a number is an item of a list. */
  path: (string | number)[];
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const DEEPEST = 5;
const UUID_PATTERN = '^[0-9a-f]{8}-[0-9a-f]{4}';

export const document = JSON.parse(
  readFileSync(new URL('../openapi.json', import.meta.url), 'utf8'),
) as unknown as Document;

/** Every operation there is. */
export const operations: readonly DocumentedOperation[] = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method];
    if (operation === undefined) return [];
    const demand = demandOf(operation);
    return [{ id: operation.operationId, method: method.toUpperCase(), path, demand, operation }];
  }),
);

/** Names of the parameters in the path, with the collection each belongs to: `tasks` of `/tasks/{id}`. */
export function placesIn(path: string): { name: string; noun: string }[] {
  const parts = path.split('/');
  return parts.flatMap((part, at) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    return name === undefined ? [] : [{ name, noun: parts[at - 1] ?? '' }];
  });
}

/** A body with what it must have, made of the document's examples; undefined for operations without one. */
export function bodyFor({ operation }: DocumentedOperation): unknown {
  const schema = schemaOf(operation);
  return schema === undefined ? undefined : sample(schema);
}

/** The query without which the operation cannot be called, from the `?` on; empty for most. */
export function queryFor({ operation }: DocumentedOperation): string {
  const required = (operation.parameters ?? []).filter(({ in: place, required }) => place === 'query' && required);
  const query = new URLSearchParams(
    required.map(({ name, schema }): [string, string] => [name, String(sample(schema))]),
  ).toString();
  return query === '' ? '' : `?${query}`;
}

/** Where a request of the operation may name something by its id, the path aside. */
export function referencesOf({ operation }: DocumentedOperation): Reference[] {
  const queries = (operation.parameters ?? [])
    .filter(({ in: place, schema }: Parameter) => place === 'query' && isId(schema))
    .map(({ name }): Reference => ({ place: 'query', name, path: [name] }));
  const schema = schemaOf(operation);
  const bodies = schema === undefined ? [] : idsIn(schema, [], 0);
  return [...queries, ...bodies.map((path): Reference => ({ place: 'body', name: nameOf(path), path }))];
}

/** The body with the id put where the reference says; what must stand beside it is added. */
export function withReference({ operation }: DocumentedOperation, body: unknown, { path }: Reference, id: string) {
  const schema = schemaOf(operation);
  return schema === undefined ? body : put(schema, body, path, id);
}

function demandOf(operation: Operation): Demand {
  const demand = operation['x-permission'];
  const closed = operation.security.some((scheme) => Object.keys(scheme).length > 0);
  if (closed !== (demand !== undefined)) throw new Error(`${operation.operationId} contradicts itself in its demand`);
  return (demand ?? 'public') as Demand;
}

const schemaOf = (operation: Operation): Json | undefined => operation.requestBody?.content['application/json']?.schema;

const nameOf = (path: readonly (string | number)[]): string => {
  const names = path.filter((part) => typeof part === 'string');
  // An item of `executions` that has an `id` is an execution.
  return (names.at(-1) === 'id' ? names.at(-2) : names.at(-1)) ?? '';
};

const isId = (schema: Json): boolean =>
  schema['format'] === 'uuid' || String(schema['pattern'] ?? '').startsWith(UUID_PATTERN);

function idsIn(given: Json, path: (string | number)[], depth: number): (string | number)[][] {
  const schema = resolve(given);
  if (depth > DEEPEST) return [];
  if (isId(schema)) return [path];
  const items = schema['items'] as Json | undefined;
  if (items !== undefined) return idsIn(items, [...path, 0], depth + 1);
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
  return properties.flatMap(([name, part]) => idsIn(part, [...path, name], depth + 1));
}

function put(given: Json, value: unknown, [first, ...rest]: (string | number)[], id: string): unknown {
  if (first === undefined) return id;
  const schema = resolve(given);
  if (typeof first === 'number') return [put(schema['items'] as Json, undefined, rest, id)];
  const fields = (value ?? sample(schema)) as Json;
  const part = (schema['properties'] as Record<string, Json>)[first] as Json;
  return { ...fields, [first]: put(part, fields[first], rest, id) };
}

/** Something that the schema takes: the example where there is one, and only what is required of an object. */
function sample(given: Json): unknown {
  const schema = resolve(given);
  const {
    enum: values,
    examples,
    items,
    properties,
    required,
    type,
  } = schema as {
    enum?: unknown[];
    examples?: unknown[];
    items?: Json;
    properties?: Record<string, Json>;
    required?: string[];
    type?: string | string[];
  };
  if (isId(schema)) return newId();
  const kind = [type].flat()[0];
  if (kind === 'object' && properties !== undefined) {
    return Object.fromEntries((required ?? []).map((name) => [name, sample(properties[name] as Json)]));
  }
  if (examples !== undefined) return structuredClone(examples[0]);
  if (values !== undefined) return values[0];
  if (kind === 'array' && items !== undefined) return [sample(items)];
  return { string: 'text', integer: 1, number: 1, boolean: true, object: {} }[kind ?? 'string'] ?? null;
}

/** Follows references, and takes the first of several choices. */
function resolve(schema: Json): Json {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const found = reference
      .slice(2)
      .split('/')
      .reduce<Json>((node, key) => node[key] as Json, document);
    return resolve(found);
  }
  const choice = (schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf']) as Json[] | undefined;
  return choice?.[0] === undefined ? schema : resolve(choice[0]);
}
