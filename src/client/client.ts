import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './schema.generated.js';

export type MiyabiClient = Client<paths>;

export interface MiyabiClientOptions {
  /** Address of the server, without a path. */
  readonly url: string;
  /** Access token, API key or worker token; asked for each request, as it may be replaced. Empty speaks for nobody. */
  readonly token: string | (() => string | Promise<string>);
}

/** A client of the whole API, typed by its OpenAPI document. */
export function createMiyabiClient({ url, token }: MiyabiClientOptions): MiyabiClient {
  const client = createClient<paths>({ baseUrl: url.replace(/\/+$/, '') });
  client.use({
    async onRequest({ request }) {
      const present = typeof token === 'string' ? token : await token();
      if (present !== '') request.headers.set('Authorization', `Bearer ${present}`);
    },
  });
  return client;
}
