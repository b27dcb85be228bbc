import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Parameter = Exclude<NonNullable<Operation['parameters']>[number], { $ref: string }>;

const ID_EXAMPLE = '019c1234-5678-7abc-8def-0123456789ab';

/** The comments of `page.ts` do not reach Nest's document, which reads those of `*.dto.ts` files only. */
const PAGING: Readonly<Record<string, { description: string; example: unknown }>> = {
  limit: { description: 'How many items to answer at the most.', example: 20 },
  cursor: {
    description: '`next_cursor` of the page before; absent for the first page.',
    example: 'WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ',
  },
};

/** Gives the parameters of an operation their descriptions and examples. */
export function completeParameters(path: string, operation: Operation): void {
  for (const parameter of operation.parameters ?? []) {
    if ('$ref' in parameter) continue;
    liftExample(parameter);
    if (parameter.in === 'path') completeId(path, parameter);
    const paging = parameter.in === 'query' ? PAGING[parameter.name] : undefined;
    parameter.description ??= paging?.description;
    parameter.example ??= paging?.example;
  }
}

/** Nest leaves the example of a comment in the schema; Swagger UI fills its form from that of the parameter. */
function liftExample(parameter: Parameter): void {
  const { schema } = parameter;
  if (schema === undefined || '$ref' in schema || schema.example === undefined) return;
  const { example, ...rest } = schema as { example: unknown; type?: string };
  parameter.schema = rest;
  // A comment cannot say whether 19 is a text or a number; the type can.
  parameter.example ??= rest.type === 'string' ? String(example) : example;
}

/** Ids in paths are UUIDs unless the controller says otherwise. */
function completeId(path: string, parameter: Parameter): void {
  parameter.description ??= `Id of the ${ownerOf(path, parameter.name)}.`;
  const schema = parameter.schema ?? {};
  if (parameter.example === undefined && isPlainText(schema))
    parameter.schema = { ...schema, type: 'string', format: 'uuid' };
  parameter.example ??= ID_EXAMPLE;
}

/** `/tasks/{id}` has the id of a task, `/members/{user_id}` that of a user. */
function ownerOf(path: string, name: string): string {
  if (name !== 'id') return name.replace(/_id$/, '').replaceAll('_', ' ');
  const collection = path.split(`/{${name}}`)[0]?.split('/').at(-1) ?? '';
  return collection.replace(/ies$/, 'y').replace(/s$/, '').replaceAll('-', ' ');
}

const isPlainText = (schema: NonNullable<Parameter['schema']>): boolean =>
  !('$ref' in schema) &&
  (schema.type ?? 'string') === 'string' &&
  [schema.format, schema.pattern, schema.enum].every((limit) => limit === undefined);
