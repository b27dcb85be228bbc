import { createMiyabiClient, type MiyabiClient } from '../../client/client.js';
import type { components } from '../../client/schema.generated.js';
import { askServer, type Answered } from '../ask-server.js';

type Schemas = components['schemas'];

const CALL_SECONDS = 20;

/** The server as a coordinator sees it. Every call rejects with Refused, Unavailable or the reason of its signal. */
export class CoordinatorPlane {
  private readonly registrar: MiyabiClient;
  private readonly client: MiyabiClient;
  private member: { id: string; token: string } | null = null;
  private registration = 0;

  constructor({ url, means }: { url: string; means: () => Promise<string> }) {
    this.registrar = createMiyabiClient({ url, token: means });
    this.client = createMiyabiClient({ url, token: () => this.token });
  }

  /** Its token, with which its workers register; empty before it is registered. */
  get token(): string {
    return this.member?.token ?? '';
  }

  get id(): string {
    if (this.member === null) throw new Error('the coordinator is not registered yet');
    return this.member.id;
  }

  async register(
    body: Schemas['RegisterCoordinator'],
    signal: AbortSignal,
  ): Promise<Schemas['CoordinatorRegistration']> {
    const answer = await this.ask(signal, (options) =>
      this.registrar.POST('/api/v1/coordinators', { body, ...options }),
    );
    this.member = { id: answer.coordinator.id, token: answer.token };
    this.registration++;
    return answer;
  }

  beat(metrics: Schemas['CoordinatorMetrics'], signal: AbortSignal): Promise<Schemas['CoordinatorReceipt']> {
    const params = { path: { id: this.id } };
    return this.ask(signal, (options) =>
      this.client.POST('/api/v1/coordinators/{id}/heartbeat', { params, body: { metrics }, ...options }),
    );
  }

  drain(note: string, signal: AbortSignal): Promise<Schemas['Coordinator']> {
    const params = { path: { id: this.id } };
    return this.ask(signal, (options) =>
      this.client.POST('/api/v1/coordinators/{id}/drain', { params, body: { note }, ...options }),
    );
  }

  private ask<T>(signal: AbortSignal, call: (options: { signal: AbortSignal }) => Promise<Answered<T>>): Promise<T> {
    return askServer(call, { seconds: CALL_SECONDS, signal, registration: this.registration });
  }
}
