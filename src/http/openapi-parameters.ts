import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Parameter = Exclude<NonNullable<Operation['parameters']>[number], { $ref: string }>;

type Form = Record<string, unknown>;

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
    const paging = parameter.in === 'query' ? PAGING[parameter.name] : undefined;
    const { example: ofSchema, ...form } = (parameter.schema ?? {}) as Form;
    const example = ofSchema ?? (parameter.example as unknown) ?? paging?.example;
    delete parameter.example;
    parameter.description ??= paging?.description;
    if (parameter.in === 'path') completeId(path, parameter, form, example);
    // Swagger UI fills its form with the example of a parameter, but not with that of its schema: filters, cursors
    // and conditions are better left empty.
    else parameter.schema = example === undefined ? form : { ...form, example };
  }
}

/** Ids in paths are UUIDs unless the controller says otherwise. */
function completeId(path: string, parameter: Parameter, form: Form, example: unknown): void {
  parameter.description ??= `Id of the ${ownerOf(path, parameter.name)}.`;
  parameter.schema = example === undefined && isPlainText(form) ? { ...form, type: 'string', format: 'uuid' } : form;
  parameter.example = example ?? ID_EXAMPLE;
}

/** `/tasks/{id}` has the id of a task, `/members/{user_id}` that of a user. */
function ownerOf(path: string, name: string): string {
  if (name !== 'id') return name.replace(/_id$/, '').replaceAll('_', ' ');
  const collection = path.split(`/{${name}}`)[0]?.split('/').at(-1) ?? '';
  return collection.replace(/ies$/, 'y').replace(/s$/, '').replaceAll('-', ' ');
}

const isPlainText = ({ type = 'string', format, pattern, enum: values }: Form): boolean =>
  type === 'string' && [format, pattern, values].every((limit) => limit === undefined);
