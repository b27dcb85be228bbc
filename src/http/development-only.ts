import { ApiExtension } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';

const DEVELOPMENT_ONLY = 'x-development-only';
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']> & { [DEVELOPMENT_ONLY]?: true };

/** Documents that the route is never there in production. */
export const DevelopmentOnly = (): MethodDecorator => ApiExtension(DEVELOPMENT_ONLY, true);

/** Takes such routes out of a document, with the schemas that nothing else refers to. */
export function withoutDevelopment(document: OpenAPIObject): OpenAPIObject {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation: Operation | undefined = item[method];
      if (operation?.[DEVELOPMENT_ONLY]) Reflect.deleteProperty(item, method);
    }
    if (METHODS.every((method) => item[method] === undefined)) Reflect.deleteProperty(document.paths, path);
  }
  dropUnusedSchemas(document);
  return document;
}

function dropUnusedSchemas({ paths, components = {} }: OpenAPIObject): void {
  const { schemas = {}, ...others } = components;
  for (let before = -1; before !== Object.keys(schemas).length;) {
    before = Object.keys(schemas).length;
    for (const name of Object.keys(schemas)) {
      const rest = Object.entries(schemas).filter(([other]) => other !== name);
      const text = JSON.stringify([paths, others, rest]);
      if (!text.includes(`"#/components/schemas/${name}"`)) Reflect.deleteProperty(schemas, name);
    }
  }
}
