import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AuthConfig } from '../config/auth.config.js';
import { QueueConfig } from '../config/queue.config.js';
import { Database } from '../database/database.js';
import { newId } from '../ids.js';
import { AccessKeysStore, type KnownKey } from './access-keys.store.js';
import {
  CoordinatorDeleted,
  InvalidToken,
  KeyRevoked,
  TokenRotated,
  Unauthenticated,
  WorkerDeleted,
} from './auth.errors.js';
import type { Credential } from './credential.js';
import { hashOfSecret, isKey, newKey } from './keys.js';
import { Lookup } from '../database/lookup.js';
import { permissionsOf, type Permission } from './permissions.js';
import { JoinTokensService, PERMISSION_FOR } from './join-tokens.service.js';
import { LastUse } from './last-use.js';
import type { Principal, UserPrincipal } from './principal.js';

/** Who comes with a key. */
type Program = Exclude<Principal, UserPrincipal>;

/** Keys of programs: made, recognized and revoked. */
@Injectable()
export class AccessKeysService implements OnApplicationBootstrap {
  private readonly lastUse: LastUse;
  private readonly lookup: Lookup<KnownKey>;
  private readonly unsure: Lookup<true>;

  constructor(
    private readonly store: AccessKeysStore,
    private readonly joinTokens: JoinTokensService,
    private readonly database: Database,
    private readonly config: AuthConfig,
    queue: QueueConfig,
  ) {
    const patience_ms = queue.heartbeat_gather_seconds * 1000;
    this.lookup = new Lookup((hashes) => this.findAndTouch(hashes), patience_ms);
    this.unsure = new Lookup((hashes) => this.store.findUnsure(hashes));
    this.lastUse = new LastUse((ids) => this.store.touch(ids));
  }

  /** The configured registration key is valid from here on, and those of earlier configurations are not. */
  async onApplicationBootstrap(): Promise<void> {
    const secret = this.config.worker_registration_key;
    if (secret !== '' && !(isKey(secret) && secret.startsWith('myk_')))
      throw new Error(
        'WORKER_REGISTRATION_KEY is not a key: it must be `myk_`, 40 letters or digits, and their checksum',
      );
    await this.database.transaction(() => this.saveRegistrationKey(secret));
  }

  /** Makes the token of one worker. It can be read from the answer only, this once; null serves every organization. */
  async issueWorkerToken(worker: {
    organization_id: string | null;
    worker_id: string;
    name: string;
    /** What a join token gave it, for when it comes back. */
    labels?: readonly string[];
  }): Promise<{ id: string; secret: string }> {
    const id = newId();
    const secret = newKey('myw_');
    await this.store.insert({
      ...worker,
      id,
      kind: 'worker',
      permissions: [],
      secret_hash: hashOfSecret(secret),
    });
    return { id, secret };
  }

  /**
   * Makes the token of one coordinator, in place of those it had. It can be read from the answer only, this once: the one
   * that it comes back with stays good until it comes back with the new one, as an answer may get lost.
   */
  async replaceCoordinatorToken(
    principal: Principal,
    coordinator: {
      organization_id: string | null;
      coordinator_id: string;
      name: string;
      /** What a join token gave it for its workers. */
      labels: readonly string[];
    },
  ): Promise<string> {
    const present = principal.kind === 'coordinator' ? principal.key_id : null;
    await this.store.revokeForCoordinator(coordinator.coordinator_id, present);
    const secret = newKey('myc_');
    await this.store.insert({
      ...coordinator,
      id: newId(),
      kind: 'coordinator',
      worker_id: null,
      permissions: [],
      secret_hash: hashOfSecret(secret),
    });
    return secret;
  }

  /** Ends the token of a coordinator with its next request. */
  async revokeForCoordinator(coordinator_id: string): Promise<void> {
    await this.store.revokeForCoordinator(coordinator_id, null);
  }

  /** Makes a worker another token; those it has stay good for a while, and their ids are given too. */
  async rotateWorkerToken(
    worker: { organization_id: string | null; worker_id: string; name: string },
    stay_seconds: number,
  ): Promise<{ id: string; secret: string; former_ids: string[] }> {
    const former_ids = await this.store.expireForWorker(worker.worker_id, stay_seconds);
    const labels = await this.store.findLabels(worker.worker_id);
    return { ...(await this.issueWorkerToken({ ...worker, labels })), former_ids };
  }

  /**
   * What a worker gets for good by what it registers with: of a join token, which is used by this, its labels; by its own
   * token those of before; by that of its coordinator those that this one was given. Throws KeyRevoked for a join token that is used up, and TokenRotated for a token in whose
   * place there is another: it may fall out of use, and not make itself a successor.
   */
  async grantedLabels(principal: Principal, worker_id: string): Promise<string[]> {
    if (principal.kind === 'join') return this.joinTokens.use(principal, { worker_id });
    if (principal.kind === 'coordinator') return this.store.findCoordinatorLabels(principal.id);
    if (principal.kind !== 'worker') return [];
    if (await this.store.isExpiring(principal.key_id)) throw new TokenRotated();
    return this.store.findLabels(worker_id);
  }

  /** The same for a coordinator, whose labels its workers get. Throws KeyRevoked for a join token that is used up. */
  async grantedHostLabels(principal: Principal, coordinator_id: string): Promise<string[]> {
    if (principal.kind === 'host_join') return this.joinTokens.use(principal, { coordinator_id });
    return principal.kind === 'coordinator' ? this.store.findCoordinatorLabels(coordinator_id) : [];
  }

  /** Ends every token of the worker with its next request, but for the one with the id `but`. */
  async revokeForWorker(worker_id: string, but: string | null = null): Promise<void> {
    await this.store.revokeForWorker(worker_id, but);
  }

  /**
   * Whose key it is. Throws InvalidToken, KeyRevoked, TokenRotated, WorkerDeleted or CoordinatorDeleted. Read anew each time,
   * so that revoking acts at once; of who is patient it may be read a little later, with that of others.
   */
  async identify(secret: string, isPatient = false): Promise<Program> {
    return this.identifyHash(keptOf(secret), isPatient);
  }

  /** A key that is asked about again and again: it is hashed once. Throws InvalidToken for what cannot be one. */
  credentialOf(secret: string): Credential {
    const hash = keptOf(secret);
    return {
      identify: (isPatient) => this.identifyHash(hash, isPatient),
      stands: async () => (await this.unsure.find(hash)) === null,
    };
  }

  private async identifyHash(hash: string, isPatient?: boolean): Promise<Program> {
    const key = await this.lookup.find(hash, isPatient);
    if (key === null) throw new InvalidToken();
    if (!key.is_live) throw refusalOf(key);
    return principalOf(key);
  }

  private async saveRegistrationKey(secret: string): Promise<void> {
    if (secret === '') return this.store.revokeRegistrationKeysExcept(null);
    const secret_hash = hashOfSecret(secret);
    await this.store.saveRegistrationKey({
      id: newId(),
      organization_id: null,
      kind: 'registration',
      worker_id: null,
      name: 'WORKER_REGISTRATION_KEY',
      permissions: ['workers.register', 'coordinators.register'],
      secret_hash,
    });
    await this.store.revokeRegistrationKeysExcept(secret_hash);
  }

  private async findAndTouch(hashes: readonly string[]): Promise<ReadonlyMap<string, KnownKey>> {
    const found = await this.store.findByHash(hashes);
    const used = [...found.values()].filter((key) => key.is_live && key.is_stale).map((key) => key.id);
    this.lastUse.note(used);
    return found;
  }
}

/** By what it is found in the database. Throws InvalidToken. */
function keptOf(secret: string): string {
  if (!isKey(secret)) throw new InvalidToken('The key is not complete, or has a typing error.');
  return hashOfSecret(secret).toString('hex');
}

function refusalOf({ end, kind }: KnownKey): Unauthenticated {
  if (end === 'deleted') return kind === 'coordinator' ? new CoordinatorDeleted() : new WorkerDeleted();
  return end === 'rotated' ? new TokenRotated() : new KeyRevoked();
}

function principalOf(key: KnownKey): Program {
  const { organization_id } = key;
  if (key.worker_id !== null) {
    const actor = { type: 'worker', id: key.worker_id, login: null, trigger: null } as const;
    return { kind: 'worker', id: key.worker_id, key_id: key.id, organization_id, permissions: new Set(), actor };
  }
  if (key.coordinator_id !== null) {
    const actor = { type: 'coordinator', id: key.coordinator_id, login: null, trigger: null } as const;
    return {
      ...{ kind: 'coordinator', id: key.coordinator_id, key_id: key.id },
      ...{ organization_id, permissions: new Set(), actor },
    };
  }
  const { created_by, role, joins } = key;
  if (joins !== null && organization_id !== null) {
    // It is as good as its maker: who may not let machines in any more has not let this one in.
    if (role === null || !permissionsOf(role).has(PERMISSION_FOR[joins])) throw new KeyRevoked();
    const actor = { type: 'api_key', id: key.id, login: null, trigger: 'join_token' } as const;
    const kind = joins === 'coordinator' ? 'host_join' : 'join';
    return { kind, id: key.id, organization_id, permissions: new Set(), actor };
  }
  const actor = { type: 'api_key', id: key.id, login: null, trigger: null } as const;
  const maker = created_by === null || role === null ? null : { id: created_by, role };
  return { kind: 'api_key', id: key.id, organization_id, permissions: permissionsOfKey(key), maker, actor };
}

/** A key may do what it was given, as far as its maker may still do it. */
function permissionsOfKey({ kind, permissions, role }: KnownKey): ReadonlySet<Permission> {
  if (kind === 'registration') return new Set(permissions);
  const held = role === null ? null : permissionsOf(role);
  return new Set(permissions.filter((permission) => held?.has(permission)));
}
