import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface GitService {
  /** Directory of the bare repositories. */
  root: string;
  /** Of the repository, from there on. */
  path: string;
  user: string;
  settings?: Readonly<Record<string, string>>;
  onDone?: () => void;
}

/** Answers a request of git's smart HTTP by git's own program for it. */
export function serveGit(request: IncomingMessage, response: ServerResponse, service: GitService): void {
  const settings = Object.entries(service.settings ?? {});
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: service.root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_COUNT: String(settings.length),
      ...Object.fromEntries(
        settings.flatMap(([key, value], at) => [
          [`GIT_CONFIG_KEY_${String(at)}`, key],
          [`GIT_CONFIG_VALUE_${String(at)}`, value],
        ]),
      ),
      REMOTE_USER: service.user,
      PATH_INFO: service.path,
      QUERY_STRING: (request.url ?? '').split('?')[1] ?? '',
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'],
      CONTENT_LENGTH: request.headers['content-length'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      GIT_PROTOCOL: request.headers['git-protocol'] as string | undefined,
    },
  });
  request.pipe(backend.stdin);
  const parts: Buffer[] = [];
  backend.stdout.on('data', (part: Buffer) => parts.push(part));
  backend.on('close', () => {
    const output = Buffer.concat(parts);
    const split = output.indexOf('\r\n\r\n');
    const headers = output
      .toString('latin1', 0, split)
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string]);
    const status = Number(headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200);
    response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
    response.end(output.subarray(split + 4), service.onDone);
  });
}
