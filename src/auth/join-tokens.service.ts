import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Database } from '../database/database.js';
import { readCursor, toPage, type Page, type PageQuery } from '../http/page.js';
import { newId } from '../ids.js';
import { JoinTokenNotFound, KeyRevoked, MissingPermission } from './auth.errors.js';
import { JoinTokensStore, type JoinTokenRow } from './join-tokens.store.js';
import { hashOfSecret, newKey, prefixOf } from './keys.js';
import { organizationOf, type JoinPrincipal, type Principal } from './principal.js';

export type { JoinTokenRow };

/** What somebody asks for. */
export interface JoinTokenInput {
  /** Life in seconds. */
  expires_in: number;
  /** What it lets in: workers, or coordinators, each with workers of its own. */
  joins: 'worker' | 'coordinator';
  /** How many of these may register with it. */
  uses: number;
  /** What each worker gets, whatever else it says of itself. */
  labels: readonly string[];
}

/** What the maker of a token must be allowed to, and still be when it is used. */
export const PERMISSION_FOR = { worker: 'workers.register', coordinator: 'coordinators.register' } as const;

/** Tokens with which machines join an organization: short-lived, counted, and good for nothing else. */
@Injectable()
export class JoinTokensService {
  constructor(
    private readonly store: JoinTokensStore,
    private readonly database: Database,
    private readonly audit: AuditService,
  ) {}

  /**
   * Makes a token for the organization of the caller, who may register what it lets in. Its secret can be read from the
   * answer only, this once. Throws MissingPermission.
   */
  async create(principal: Principal, input: JoinTokenInput): Promise<{ join_token: JoinTokenRow; secret: string }> {
    const needed = PERMISSION_FOR[input.joins];
    if (!principal.permissions.has(needed)) throw new MissingPermission(needed);
    const organization_id = organizationOf(principal);
    const created_by = makerOf(principal);
    const secret = newKey('myj_');
    const join_token = await this.database.transaction(async () => {
      const token = await this.store.insert({
        ...input,
        id: newId(),
        organization_id,
        prefix: prefixOf(secret),
        secret_hash: hashOfSecret(secret),
        created_by,
      });
      const { prefix, joins, uses_left, labels, expires_at } = token;
      await this.audit.record({
        organization_id,
        actor: principal.actor,
        action: 'join_token.created',
        subject: { key_id: token.id, user_id: created_by },
        data: { prefix, joins, uses: uses_left, labels, expires_at },
      });
      return token;
    });
    return { join_token, secret };
  }

  /** Those of the organization, newest first. */
  async list<T>(principal: Principal, query: PageQuery, present: (token: JoinTokenRow) => T): Promise<Page<T>> {
    const rows = await this.store.findPage(organizationOf(principal), readCursor(query.cursor), query.limit + 1);
    return toPage(rows, query.limit, present);
  }

  /** Takes a token back; workers that joined with it stay. Once more changes nothing. Throws JoinTokenNotFound. */
  async revoke(principal: Principal, id: string): Promise<void> {
    const organization_id = organizationOf(principal);
    await this.database.transaction(async () => {
      const token = await this.store.lock(organization_id, id);
      if (token === null) throw new JoinTokenNotFound();
      if (token.revoked_at !== null) return;
      await this.store.revoke(id);
      await this.audit.record({
        organization_id,
        actor: principal.actor,
        action: 'join_token.revoked',
        subject: { key_id: id },
        data: { prefix: token.prefix, uses_left: token.uses_left },
      });
    });
  }

  /** Forgets tokens that are over for long, at most `limit`; gives how many. What was let in with them is in the audit log. */
  deleteEnded(limit: number): Promise<number> {
    return this.store.deleteEnded(limit);
  }

  /**
   * Takes one use of the token, in the transaction that registers what it lets in: a registration that fails costs none.
   * Answers the labels that are given. Throws KeyRevoked when others were faster.
   */
  async use(
    { id, organization_id, actor }: JoinPrincipal,
    joined: { worker_id: string } | { coordinator_id: string },
  ): Promise<string[]> {
    const used = await this.store.use(id);
    if (used === null) throw new KeyRevoked();
    const { labels, uses_left } = used;
    const subject = { key_id: id, ...joined };
    await this.audit.record({ organization_id, actor, action: 'join_token.used', subject, data: { uses_left } });
    return labels;
  }
}

/** The person who answers for what is let in: the caller, or who made the caller's key. */
function makerOf(principal: Principal): string {
  const maker = principal.kind === 'api_key' ? principal.maker : principal.kind === 'user' ? principal : null;
  if (maker === null) throw new MissingPermission('workers.register');
  return maker.id;
}
