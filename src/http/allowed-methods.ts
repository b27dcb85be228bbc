import type { Request } from 'express';

/** The parts of Express's router that tell which routes there are. */
interface RouteLayer {
  route?: { path: string; methods: Record<string, boolean> };
  match(path: string): boolean;
}

/** Methods that routes of the request's path take, in upper case; empty when there is no such path. */
export function allowedMethods(request: Request): string[] {
  const { stack } = request.app.router as unknown as { stack: RouteLayer[] };
  // `request.path` is cut by the prefix of the router that answers; the stack is that of the whole application.
  const path = request.originalUrl.split('?')[0] ?? '';
  const methods = new Set<string>();
  for (const layer of stack) {
    if (!layer.route || layer.route.path.includes('{*') || !matches(layer, path)) continue;
    for (const method of Object.keys(layer.route.methods)) methods.add(method.toUpperCase());
  }
  if (methods.size === 0) return [];
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods.add('OPTIONS')].sort();
}

function matches(layer: RouteLayer, path: string): boolean {
  try {
    return layer.match(path);
  } catch (error) {
    // The router decodes parameters while it matches; a bad escape matches nothing.
    if (error instanceof URIError || (error instanceof Error && 'status' in error)) return false;
    throw error;
  }
}
