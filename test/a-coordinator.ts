import { caller } from './memberships.js';
import type { TestPerson } from './fleet.js';
import type { TestApp } from './test-app.js';

export interface Shown {
  id: string;
  status: string;
  health: string;
  workers: object;
}

export interface Registered {
  coordinator: Shown;
  token: string;
  heartbeat_seconds: number;
}

let count = 0;

/** Coordinators that speak the protocol by hand: of a person's organization, unless the token says otherwise. */
export class Coordinators {
  constructor(
    private readonly server: TestApp,
    private readonly person: TestPerson,
  ) {}

  async register(description: object = {}, token = this.person.token, status = 201): Promise<Registered> {
    count += 1;
    const body = { name: `coordinator ${String(count)}`, host: 'host', ...description };
    return (await caller(this.server, token).post('coordinators', body).expect(status)).body as Registered;
  }

  beat({ coordinator, token }: Registered, body: object = {}) {
    return caller(this.server, token).post(`coordinators/${coordinator.id}/heartbeat`, body);
  }

  async read({ coordinator }: Registered): Promise<Shown> {
    return (await this.person.get(`/coordinators/${coordinator.id}`)).body as unknown as Shown;
  }
}

/** `409 coordinator/name-taken` */
export const codeOf = async (request: PromiseLike<{ status: number; body: unknown }>): Promise<string> => {
  const { status, body } = await request;
  return `${String(status)} ${String((body as { code?: string }).code)}`;
};
