import { applyDecorators, Param, type PipeTransform } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { InvalidInput } from '../domain-error.js';
import { isId } from '../ids.js';

class IdPipe implements PipeTransform<string, string> {
  constructor(private readonly field: string) {}

  transform(value: string): string {
    const id = value.toLowerCase();
    if (isId(id)) return id;
    throw new InvalidInput('The path names no valid id.', [
      { field: this.field, message: `${this.field} must be a UUID` },
    ]);
  }
}

/** A UUID in the path; anything else is 400. */
export const IdParam = (name = 'id'): ParameterDecorator => Param(name, new IdPipe(name));

/** Describes a UUID in the path for the OpenAPI document. */
export const ApiIdParam = (name: string, description: string) =>
  applyDecorators(
    ApiParam({
      name,
      description,
      schema: { type: 'string', format: 'uuid' },
      example: '0192f0c1-2345-7abc-8def-0123456789ab',
    }),
  );
