import type { OpenAPIObject } from '@nestjs/swagger';
import { BODY_EXAMPLES } from './openapi-examples.js';
import { completeParameters } from './openapi-parameters.js';
import {
  allowanceHeaders,
  declaredRefusals,
  problemComponents,
  requestIdHeader,
  sharedRefusal,
  type SharedStatus,
} from './openapi-problems.js';
import { modernizeSchemas } from './openapi-schemas.js';
import { TAGS } from './openapi-tags.js';
import { DECLARED_PROBLEMS, LIMITED, REFUSES_KEY, type DeclaredProblems } from './problems.decorator.js';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']> & {
  'x-permission'?: string;
  [DECLARED_PROBLEMS]?: DeclaredProblems;
  [LIMITED]?: boolean;
  [REFUSES_KEY]?: boolean;
};

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const WITH_BODY: ReadonlySet<string> = new Set(['post', 'put', 'patch']);

/** Makes Nest's document whole: texts, security, and for each operation the refusals it may answer (RFC 9457). */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  document.openapi = '3.1.0';
  const { schemas, responses, headers } = problemComponents();
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...schemas },
    responses,
    headers,
  };
  for (const [path, item] of Object.entries(document.paths)) completePath(path, item);
  document.tags = usedTags(document);
  // Nest writes an empty one, which is not valid.
  if (Object.keys(document.info.contact ?? {}).length === 0) delete document.info.contact;
  modernizeSchemas(document);
  return document;
}

function completePath(path: string, item: PathItem): void {
  for (const method of METHODS) {
    const operation: Operation | undefined = item[method];
    if (operation === undefined) continue;
    completeParameters(path, operation);
    completeBody(operation);
    completeTexts(operation);
    completeAnswers(path, operation, WITH_BODY.has(method));
  }
}

function completeBody({ operationId = '', requestBody }: Operation): void {
  const example = BODY_EXAMPLES[operationId];
  if (example === undefined || requestBody === undefined || '$ref' in requestBody) return;
  for (const content of Object.values(requestBody.content)) content.example = example;
}

/** The first sentence of a handler's comment is its summary, the rest its description. */
function completeTexts(operation: Operation): void {
  const text = [operation.summary, operation.description]
    .join('\n\n')
    .replace(/[ \t]*\n(?!\n)[ \t]*/g, (gap, at: number, all: string) => (all[at - 1] === '\n' ? gap : ' '))
    .trim();
  const end = /[.](?=\s|$)|\n\n/.exec(text)?.index ?? text.length;
  operation.summary = text.slice(0, end);
  const key = operation[REFUSES_KEY]
    ? 'Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).'
    : '';
  operation.description = [text.slice(end + 1).trim(), key, demand(operation)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function demand({ security, 'x-permission': permission }: Operation): string {
  if (isPublic(security) || permission === undefined) return 'Open to everybody.';
  if (permission === 'worker') return 'Needs the token of a worker, which acts for itself alone.';
  if (permission === 'coordinator') return 'Needs the token of a coordinator, which acts for itself alone.';
  return permission === 'signed-in' ? 'Needs a caller who is signed in.' : `Needs the permission \`${permission}\`.`;
}

/** What a route declares, and what follows from its taking an `Idempotency-Key`. */
function declaredBy(operation: Operation): DeclaredProblems {
  const declared = operation[DECLARED_PROBLEMS] ?? {};
  const takesKey = (operation.parameters ?? []).some((one) => 'name' in one && one.name === 'Idempotency-Key');
  if (!takesKey) return declared;
  return { ...declared, 409: [...(declared[409] ?? []), 'idempotency/other-body', 'idempotency/in-progress'] };
}

const isPublic = (security: Operation['security']): boolean =>
  security?.some((scheme) => Object.keys(scheme).length === 0) ?? false;

function completeAnswers(path: string, operation: Operation, withBody: boolean): void {
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (answer === undefined || '$ref' in answer) continue;
    const allowance = operation[LIMITED] ? allowanceHeaders() : {};
    answer.headers = { ...requestIdHeader, ...allowance, ...answer.headers };
    if (answer.description === '') answer.description = DESCRIPTIONS[status] ?? 'The answer.';
  }
  for (const status of sharedStatuses(path, operation, withBody)) {
    operation.responses[String(status)] ??= sharedRefusal(status);
  }
  Object.assign(operation.responses, Object.fromEntries(declaredRefusals(declaredBy(operation))));
  // The reader of the document has it all under `responses`.
  delete operation['x-problems'];
  delete operation['x-limited'];
  delete operation['x-refuses-idempotency-key'];
  if (isPublic(operation.security)) operation.security = [];
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  200: 'Done; this is the state now.',
  201: 'Created.',
  202: 'Accepted; it goes on after this answer.',
  204: 'Done.',
};

/** Only what the route can really answer: those without input have no 400, public ones no 401. */
function sharedStatuses(path: string, operation: Operation, withBody: boolean): SharedStatus[] {
  const takesInput = withBody || (operation.parameters ?? []).length > 0;
  return [
    ...(takesInput ? ([400] as const) : []),
    ...(isPublic(operation.security) ? [] : ([401, 403] as const)),
    ...(path.includes('{') ? ([404] as const) : []),
    ...(withBody ? ([408, 413, 415] as const) : []),
    421,
    ...(operation[LIMITED] ? ([429] as const) : []),
    500,
    503,
  ];
}

function usedTags(document: OpenAPIObject): OpenAPIObject['tags'] {
  const used = new Set(
    Object.values(document.paths).flatMap((item) => METHODS.flatMap((method) => item[method]?.tags ?? [])),
  );
  const known = Object.entries(TAGS).filter(([name]) => used.delete(name));
  // One without a description stays visible for the lint to name.
  return [...known, ...[...used].map((name): [string, string] => [name, ''])].map(([name, description]) => ({
    name,
    description,
  }));
}
