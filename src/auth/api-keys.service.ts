import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Database } from '../database/database.js';
import { InvalidInput } from '../domain-error.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { newId } from '../ids.js';
import { AccessKeysStore, type ApiKeyRow, type ApiKeyScope } from './access-keys.store.js';
import { KeyNotFound, MissingPermission, PermissionNotHeld } from './auth.errors.js';
import { hashOfSecret, newKey, prefixOf } from './keys.js';
import { PERMISSIONS, type Permission, type Role } from './permissions.js';
import { organizationOf, type Actor, type Principal, type UserPrincipal } from './principal.js';

export type { ApiKeyRow };

/** What a person asks for. */
export interface ApiKeyInput {
  name: string;
  permissions: readonly Permission[];
  expires_at?: string;
}

const ANSWERS_FOR_ALL: ReadonlySet<Role> = new Set(['owner', 'admin']);

/** The keys that people make for their programs. Not there and not the caller's look alike. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly store: AccessKeysStore,
    private readonly database: Database,
    private readonly audit: AuditService,
  ) {}

  /**
   * Makes a key for the organization the person acts in. Its secret can be read from the answer only, this once. Throws
   * PermissionNotHeld, or InvalidInput for a time of expiry that is past or too far away.
   */
  async create(person: UserPrincipal, input: ApiKeyInput): Promise<{ api_key: ApiKeyRow; secret: string }> {
    const permissions = PERMISSIONS.filter((permission) => input.permissions.includes(permission));
    const missing = permissions.filter((permission) => !person.permissions.has(permission));
    if (missing.length > 0) throw new PermissionNotHeld(missing);
    const secret = newKey('myk_');
    const { organization_id } = person;
    const api_key = await this.database.transaction(async () => {
      const key = await this.store.insertApiKey({
        id: newId(),
        organization_id,
        name: input.name,
        prefix: prefixOf(secret),
        permissions,
        secret_hash: hashOfSecret(secret),
        created_by: person.id,
        expires_at: input.expires_at ?? null,
      });
      if (key === null) throw expiryRefused();
      await this.tell('key.created', organization_id, person.actor, key);
      return key;
    });
    return { api_key, secret };
  }

  /** Owners and admins see the keys of the organization, others their own; newest first. */
  async list<T>(principal: Principal, query: PageQuery, present: (key: ApiKeyRow) => T): Promise<Page<T>> {
    const rows = await this.store.listApiKeys(scopeOf(principal), readCursor(query.cursor), query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /** Ends a key with its next request, on every process. Once more changes nothing. Throws KeyNotFound. */
  async revoke(principal: Principal, id: string): Promise<void> {
    const scope = scopeOf(principal);
    await this.database.transaction(async () => {
      const key = await this.store.lockApiKey(scope, id);
      if (key === null) throw new KeyNotFound();
      if (key.revoked_at !== null) return;
      await this.store.revoke(id);
      await this.tell('key.revoked', scope.organization_id, principal.actor, key);
    });
  }

  private tell(action: 'key.created' | 'key.revoked', organization_id: string, actor: Actor, key: ApiKeyRow) {
    const { id, name, prefix, permissions, created_by, expires_at } = key;
    return this.audit.record({
      organization_id,
      actor,
      action,
      subject: { key_id: id, ...(created_by && { user_id: created_by.id }) },
      data: { name, prefix, permissions, expires_at },
    });
  }
}

/** A key with `keys.manage` reaches as far as who made it. */
function scopeOf(principal: Principal): ApiKeyScope {
  const organization_id = organizationOf(principal);
  const maker = makerOf(principal);
  if (maker === null) throw new MissingPermission('keys.manage');
  return { organization_id, created_by: ANSWERS_FOR_ALL.has(maker.role) ? null : maker.id };
}

function makerOf(principal: Principal): { id: string; role: Role } | null {
  if (principal.kind === 'api_key') return principal.maker;
  return principal.kind === 'user' ? principal : null;
}

const expiryRefused = (): InvalidInput =>
  new InvalidInput('The request has a fault.', [
    { field: 'expires_at', message: 'expires_at must be in the future, within 10 years' },
  ]);
