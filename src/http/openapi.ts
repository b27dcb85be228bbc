import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { RuntimeConfig } from '../config/runtime.config.js';
import { withoutDevelopment } from './development-only.js';
import { onlySignedIn } from './document-access.js';
import { completeDocument } from './openapi-complete.js';

export const DOCUMENT_PATH = '/api/openapi.json';
const UI_PATH = 'api/docs';
const YAML_PATH = '/api/openapi.yaml';

/** The OpenAPI document of the application, whole: each operation with its refusals and what it demands. */
export function createDocument(app: NestExpressApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Miyabi control plane')
    .setDescription('Runs fleets of AI coding agents: tasks, workers, isolated checkouts, logs and git history.')
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addSecurity('bearer', { type: 'http', scheme: 'bearer', description: 'Access token of a person, or a key.' })
    .addSecurity('worker', { type: 'http', scheme: 'bearer', description: 'Token of a worker.' })
    .addSecurity('coordinator', { type: 'http', scheme: 'bearer', description: 'Token of a coordinator.' })
    .build();
  const document = completeDocument(SwaggerModule.createDocument(app, config, { operationIdFactory: operationId }));
  return app.get(RuntimeConfig).production ? withoutDevelopment(document) : document;
}

/** `TasksController.create` is `tasksCreate`; a method named like its controller needs no second mention. */
function operationId(controller: string, method: string): string {
  const feature = controller.replace(/Controller$/, '');
  const prefix = feature.charAt(0).toLowerCase() + feature.slice(1);
  return prefix === method ? method : prefix + method.charAt(0).toUpperCase() + method.slice(1);
}

/**
 * Serves the document and Swagger UI, in production to callers who are signed in. The document is made at the first
 * request: it costs a start more than it is worth.
 */
export function serveDocument(app: NestExpressApplication): void {
  if (app.get(RuntimeConfig).production) app.use([DOCUMENT_PATH, YAML_PATH, `/${UI_PATH}`], onlySignedIn(app));
  let document: OpenAPIObject | undefined;
  SwaggerModule.setup(UI_PATH, app, () => (document ??= createDocument(app)), {
    jsonDocumentUrl: DOCUMENT_PATH.slice(1),
    yamlDocumentUrl: YAML_PATH.slice(1),
    customSiteTitle: 'Miyabi control plane',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true },
  });
}
