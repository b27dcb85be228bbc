import { signIn, type TokenPair } from './sign-in.js';
import { startTestApp, type TestApp } from './test-app.js';

/** What a device begins with. */
export interface Codes {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  expires_in: number;
  interval: number;
}

export const PENDING = '400 authorization_pending auth/authorization-pending';
export const TOO_SOON = '400 slow_down auth/slow-down';

export const bearer = ({ access_token }: TokenPair) => ({ Authorization: `Bearer ${access_token}` });

/** A server with devices that ask, and a person who answers unless somebody else is named. */
export class DeviceFlow {
  private constructor(
    readonly server: TestApp,
    readonly person: TokenPair,
  ) {}

  static async start(): Promise<DeviceFlow> {
    const server = await startTestApp();
    return new DeviceFlow(server, await signIn(server));
  }

  begin = async (body: object = {}): Promise<Codes> => {
    const asked = this.post('device', body).set('User-Agent', 'cli/1');
    return (await asked.expect(200)).body as Codes;
  };

  exchange = ({ device_code }: Codes, more: object = {}) => this.post('device/token', { device_code, ...more });

  /** `error`, in the words of the RFC, and `code` of a refused exchange. */
  refusal = async (codes: Codes): Promise<string> => {
    const { status, body } = await this.exchange(codes);
    return `${String(status)} ${String(body.error)} ${String(body.code)}`;
  };

  lookUp = ({ user_code }: Codes, who = this.person) => this.post('device/lookup', { user_code }).set(bearer(who));

  answer = ({ user_code }: Codes, approve?: boolean, who = this.person) =>
    this.post('device/approve', { user_code, approve }).set(bearer(who));

  me = (pair: TokenPair) => this.server.request.get('/api/v1/auth/me').set(bearer(pair));

  sessionsOf = async ({ user }: TokenPair) => {
    const { rows } = await this.server.sql.query<{
      organization_id: string;
      origin: string;
      user_agent: string;
      ip: string;
    }>('select * from sessions where user_id = $1 order by created_at', [user.id]);
    return rows;
  };

  private readonly post = (path: string, body: object) => this.server.request.post(`/api/v1/auth/${path}`).send(body);
}
