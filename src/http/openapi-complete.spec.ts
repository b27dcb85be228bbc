import type { OpenAPIObject } from '@nestjs/swagger';
import { completeDocument } from './openapi-complete.js';

type Method = 'get' | 'post';
type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const SIGNED_IN = { security: [{ bearer: [] }], 'x-permission': 'tasks.read' };

/** The one operation of a document, after completion. */
function completed(method: Method, path: string, operation: object): Operation {
  const responses = { 200: { description: '' } };
  const document = completeDocument({
    openapi: '3.0.0',
    info: { title: 't', version: '1', contact: {} },
    paths: { [path]: { [method]: { responses, ...operation } } },
  });
  const found = document.paths[path]?.[method];
  if (found === undefined) throw new Error('the operation is gone');
  return found;
}

const statuses = (operation: Operation): number[] => Object.keys(operation.responses).map(Number);

describe('completeDocument', () => {
  it('makes the first sentence of a comment the summary and the rest the description', () => {
    const { summary, description } = completed('get', '/tasks', {
      ...SIGNED_IN,
      summary: 'List tasks,\nnewest first. Without a status\nall are listed.',
    });
    expect(summary).toBe('List tasks, newest first');
    expect(description).toBe('Without a status all are listed.\n\nNeeds the permission `tasks.read`.');
  });

  it('ends the summary at an empty line and keeps paragraphs', () => {
    const { summary, description } = completed('get', '/tasks', {
      ...SIGNED_IN,
      summary: 'List tasks\n\nOne.\n\nTwo.',
    });
    expect(summary).toBe('List tasks');
    expect(description).toBe('One.\n\nTwo.\n\nNeeds the permission `tasks.read`.');
  });

  it('says that a public operation is open to everybody and gives it an empty list of security', () => {
    const { description, security } = completed('get', '/health', { summary: 'Health.', security: [{}] });
    expect(description).toBe('Open to everybody.');
    expect(security).toEqual([]);
  });

  it('documents no refusal of input, token or id where there is none', () => {
    expect(statuses(completed('get', '/health', { security: [{}] }))).toEqual([200, 421, 500, 503]);
  });

  it('documents every refusal of an operation with a body, a token and an id', () => {
    const operation = completed('post', '/tasks/{id}/cancel', {
      ...SIGNED_IN,
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
    });
    expect(statuses(operation)).toEqual([200, 400, 401, 403, 404, 408, 413, 415, 421, 500, 503]);
  });

  it('documents declared refusals with their codes, also in place of the shared text', () => {
    const operation = completed('post', '/auth/refresh', {
      security: [{}],
      'x-problems': { 401: ['auth/reused'], 409: ['task/not-claimable', 'task/running'] },
    });
    expect(operation.responses['401']).toMatchObject({ description: 'Refused: `auth/reused`.' });
    expect(operation.responses['409']).toMatchObject({
      description: 'Refused: `task/not-claimable`, `task/running`.',
      content: {
        'application/problem+json': {
          examples: { 'task-running': { value: { status: 409, title: 'Conflict', code: 'task/running' } } },
        },
      },
    });
    expect(operation).not.toHaveProperty('x-problems');
  });

  it('keeps an answer that the controller has documented itself', () => {
    const responses = { 200: { description: 'Fine.' }, 503: { description: 'The same shape.' } };
    const operation = completed('get', '/health', { security: [{}], responses });
    expect(operation.responses['503']).toMatchObject({ description: 'The same shape.' });
    expect(operation.responses['200']).toMatchObject({ description: 'Fine.', headers: { 'X-Request-Id': {} } });
  });

  it('takes ids in paths for UUIDs of what stands before them, unless told otherwise', () => {
    const [id, other] = completed('get', '/repositories/{id}/issues/{number}', {
      ...SIGNED_IN,
      parameters: [
        { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
        { name: 'number', in: 'path', required: true, description: 'Issue.', schema: { type: 'integer' }, example: 7 },
      ],
    }).parameters as object[];
    expect(id).toMatchObject({ description: 'Id of the repository.', schema: { type: 'string', format: 'uuid' } });
    expect(other).toMatchObject({ description: 'Issue.', schema: { type: 'integer' }, example: 7 });
  });

  it('takes the example of a path as the form of an id that is no UUID', () => {
    const [id] = completed('get', '/agents/{id}', {
      ...SIGNED_IN,
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', example: 'codegen-agent' } }],
    }).parameters as object[];
    expect(id).toMatchObject({ description: 'Id of the agent.', schema: { type: 'string' }, example: 'codegen-agent' });
    expect(id).not.toHaveProperty('schema.format');
  });

  it('describes the parameters of every list, and leaves their forms in Swagger UI empty', () => {
    const parameters = ['limit', 'cursor'].map((name) => ({ name, in: 'query', schema: { type: 'string' } }));
    const operation = completed('get', '/tasks', { ...SIGNED_IN, parameters });
    for (const parameter of operation.parameters as object[]) {
      expect(parameter).toMatchObject({
        description: expect.stringMatching(/\.$/),
        schema: { examples: [expect.anything()] },
      });
      expect(parameter).not.toHaveProperty('example');
    }
  });

  it('gives the form of a task an example that can be sent as it is', () => {
    const { requestBody } = completed('post', '/tasks', {
      ...SIGNED_IN,
      operationId: 'tasksCreate',
      requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
    });
    expect(requestBody).toHaveProperty(['content', 'application/json', 'example', 'name']);
  });
});
