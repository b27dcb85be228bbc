import type { OpenAPIObject } from '@nestjs/swagger';

type Json = Record<string, unknown>;

const SCHEMA_PREFIX = '#/components/schemas/';

/**
 * Rewrites the schemas that Nest makes in OpenAPI 3.0's dialect into JSON Schema 2020-12, which OpenAPI 3.1 uses: only
 * there can a reference be nullable and carry a description. Drops the suffix `Dto` from their names.
 */
export function modernizeSchemas(document: OpenAPIObject): void {
  const { components = {} } = document;
  const schemas = Object.entries(components.schemas ?? {}).map(([name, schema]): [string, Json] => [
    shortName(name),
    modern(schema as Json),
  ]);
  const names = schemas.map(([name]) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two classes give the schema ${twice}`);
  components.schemas = Object.fromEntries(schemas.sort(([a], [b]) => (a < b ? -1 : 1)));
  for (const path of Object.values(document.paths)) visit(path);
}

const shortName = (name: string): string => name.replace(/Dto$/, '');

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Finds the schemas among parameters, bodies and answers, and replaces them in place. */
function visit(value: unknown): void {
  if (Array.isArray(value)) value.forEach(visit);
  if (!isObject(value)) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === 'schema' && isObject(member)) value[key] = modern(member);
    else if (key !== 'example' && key !== 'examples') visit(member);
  }
}

function modern(schema: Json): Json {
  const { nullable, example, allOf, ...rest } = schema;
  const copy: Json = { ...rest, ...descend(rest) };
  if (typeof copy['$ref'] === 'string')
    copy['$ref'] = SCHEMA_PREFIX + shortName(copy['$ref'].slice(SCHEMA_PREFIX.length));
  // 3.0 needs a wrapper to describe a reference; 3.1 does not.
  if (Array.isArray(allOf)) {
    const parts = allOf.map((part) => modern(part as Json));
    Object.assign(copy, parts.length === 1 ? parts[0] : { allOf: parts });
  }
  if (isWhole(copy, example)) copy['type'] = 'integer';
  // The plugin takes the values from the compiler, whose order depends on what it has compiled before.
  if (Array.isArray(copy['enum'])) copy['enum'] = copy['enum'].toSorted();
  if (example !== undefined)
    copy['examples'] = [copy['type'] === 'string' && typeof example === 'number' ? String(example) : example];
  return nullable === true ? orNull(copy) : copy;
}

function descend(schema: Json): Json {
  const result: Json = {};
  for (const key of ['items', 'additionalProperties', 'not'])
    if (isObject(schema[key])) result[key] = modern(schema[key]);
  for (const key of ['anyOf', 'oneOf'])
    if (Array.isArray(schema[key])) result[key] = schema[key].map((part) => modern(part as Json));
  if (isObject(schema['properties'])) {
    const properties = Object.entries(schema['properties']).map(([name, part]) => [name, modern(part as Json)]);
    result['properties'] = Object.fromEntries(properties);
  }
  return result;
}

/**
 * TypeScript has one kind of number. Fields that callers send say which they mean (WholeNumber, Decimal) and have
 * bounds; of the others the example tells: 1.2 is a decimal, 4 a whole number.
 */
const isWhole = (schema: Json, example: unknown): boolean =>
  schema['type'] === 'number' && Number.isInteger(example) && !('minimum' in schema) && !('maximum' in schema);

function orNull(schema: Json): Json {
  const { $ref, type, ...rest } = schema;
  if ($ref !== undefined) return { ...rest, anyOf: [{ $ref }, { type: 'null' }] };
  const options = Array.isArray(rest['enum']) ? { enum: [...(rest['enum'] as unknown[]), null] } : {};
  return { ...rest, ...options, type: [type, 'null'].flat() };
}
