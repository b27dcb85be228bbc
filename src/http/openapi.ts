import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { completeDocument } from './openapi-complete.js';

export const DOCUMENT_PATH = '/api/openapi.json';
const UI_PATH = 'api/docs';

/** The OpenAPI document of the application, whole: each operation with its refusals and what it demands. */
export function createDocument(app: NestExpressApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Miyabi control plane')
    .setDescription('Runs fleets of AI coding agents: tasks, workers, isolated checkouts, logs and git history.')
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'Access token of a person, or a key.' }, 'bearer')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'Token of a worker.' }, 'worker')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return completeDocument(document);
}

/** Serves the document and Swagger UI. The document is made at the first request: it costs a start more than it is worth. */
export function serveDocument(app: NestExpressApplication): void {
  let document: OpenAPIObject | undefined;
  SwaggerModule.setup(UI_PATH, app, () => (document ??= createDocument(app)), {
    jsonDocumentUrl: DOCUMENT_PATH.slice(1),
    yamlDocumentUrl: 'api/openapi.yaml',
    customSiteTitle: 'Miyabi control plane',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true },
  });
}
