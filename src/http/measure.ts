import type { Request, RequestHandler } from 'express';

/** An answer that has gone out, or whose client has gone. */
export interface Answered {
  method: string;
  /** The pattern of the route, `none` when there was none: as many as there are routes, whatever is asked for. */
  route: string;
  status: number;
  seconds: number;
}

/** Tells of each answer how long it took. */
export const measured =
  (tell: (answered: Answered) => void): RequestHandler =>
  (request, response, next) => {
    const began = performance.now();
    response.once('close', () => {
      const seconds = (performance.now() - began) / 1000;
      tell({ method: request.method, route: routeOf(request), status: response.statusCode, seconds });
    });
    next();
  };

function routeOf(request: Request): string {
  const route = request.route as { path?: unknown } | undefined;
  // What takes everything is Nest's own answer to what no route takes.
  return typeof route?.path === 'string' && !route.path.includes('*') ? request.baseUrl + route.path : 'none';
}
