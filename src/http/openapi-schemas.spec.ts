import type { OpenAPIObject } from '@nestjs/swagger';
import { modernizeSchemas } from './openapi-schemas.js';

type Schemas = Record<string, object>;

const documentWith = (schemas: Schemas, paths: object = {}): OpenAPIObject =>
  ({ openapi: '3.0.0', info: { title: 't', version: '1' }, paths, components: { schemas } }) as OpenAPIObject;

function modernized(schemas: Schemas): Record<string, unknown> {
  const document = documentWith(schemas);
  modernizeSchemas(document);
  return document.components?.schemas ?? {};
}

const field = (schema: object): unknown => {
  const { A } = modernized({ A: { type: 'object', properties: { field: schema } } });
  return (A as { properties: { field: unknown } }).properties.field;
};

describe('modernizeSchemas', () => {
  it('makes a nullable field one that has null among its types', () => {
    expect(field({ type: 'string', format: 'uuid', nullable: true })).toEqual({
      type: ['string', 'null'],
      format: 'uuid',
    });
  });

  it('adds null to the values of a nullable enumeration', () => {
    expect(field({ type: 'string', enum: ['a'], nullable: true })).toEqual({
      type: ['string', 'null'],
      enum: ['a', null],
    });
  });

  it('puts a description beside a reference, without a wrapper', () => {
    expect(field({ description: 'd', allOf: [{ $ref: '#/components/schemas/BDto' }] })).toEqual({
      description: 'd',
      $ref: '#/components/schemas/B',
    });
  });

  it('makes a nullable reference one of two', () => {
    expect(field({ description: 'd', nullable: true, allOf: [{ $ref: '#/components/schemas/BDto' }] })).toEqual({
      description: 'd',
      anyOf: [{ $ref: '#/components/schemas/B' }, { type: 'null' }],
    });
  });

  it('takes a number without bounds and with a whole example for a whole number', () => {
    expect(field({ type: 'number', example: 4 })).toEqual({ type: 'integer', examples: [4] });
    expect(field({ type: 'number', example: 1.5 })).toEqual({ type: 'number', examples: [1.5] });
    expect(field({ type: 'number', minimum: 0, example: 4 })).toEqual({ type: 'number', minimum: 0, examples: [4] });
  });

  it('puts the values of an enumeration in an order that does not depend on the compiler', () => {
    expect(field({ type: 'string', enum: ['b', 'a'] })).toEqual({ type: 'string', enum: ['a', 'b'] });
  });

  it('gives a text an example that is a text', () => {
    expect(field({ type: 'string', example: 19 })).toEqual({ type: 'string', examples: ['19'] });
  });

  it('keeps fields that have the names of keywords', () => {
    const properties = { example: { type: 'string', example: 'x' }, nullable: { type: 'boolean', example: true } };
    const { A } = modernized({ A: { type: 'object', properties } });
    expect(A).toEqual({
      type: 'object',
      properties: {
        example: { type: 'string', examples: ['x'] },
        nullable: { type: 'boolean', examples: [true] },
      },
    });
  });

  it('drops the suffix Dto from names and references, in items and in answers too', () => {
    const document = documentWith(
      { PageDto: { type: 'array', items: { $ref: '#/components/schemas/TaskDto' } }, TaskDto: { type: 'object' } },
      {
        '/tasks': {
          get: { responses: { 200: { content: { json: { schema: { $ref: '#/components/schemas/PageDto' } } } } } },
        },
      },
    );
    modernizeSchemas(document);
    const text = JSON.stringify(document);
    expect(text).not.toContain('Dto');
    expect(Object.keys(document.components?.schemas ?? {})).toEqual(['Page', 'Task']);
  });

  it('refuses two classes that would have one name', () => {
    expect(() => modernized({ Task: { type: 'object' }, TaskDto: { type: 'object' } })).toThrow(
      'two classes give the schema Task',
    );
  });
});
