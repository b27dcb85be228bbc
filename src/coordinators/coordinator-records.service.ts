import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../audit/audit-actions.js';
import { AuditService } from '../audit/audit.service.js';
import { SYSTEM, type Principal } from '../auth/principal.js';
import { EventsService, type NewEvent } from '../events/events.service.js';
import { CoordinatorNewsStore, type CoordinatorChange } from './coordinator-news.store.js';

const BATCH = 500;

interface Recorded {
  id: string;
  organization_id: string | null;
  name: string;
}

/** What is remembered and told of coordinators, in the transaction under way. */
@Injectable()
export class CoordinatorRecords {
  constructor(
    private readonly store: CoordinatorNewsStore,
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  /** Remembers who did it. */
  async note(
    { actor }: Principal,
    { id, organization_id, name }: Recorded,
    action: AuditAction,
    data: Record<string, unknown> = {},
  ): Promise<void> {
    await this.audit.record({
      organization_id,
      actor,
      action,
      subject: { coordinator_id: id },
      data: { name, ...data },
    });
  }

  /** Tells of one that has come. One of the instance belongs to no organization whose events could tell of it. */
  async tellOfRegistration({ actor }: Principal, { id, organization_id, name }: Recorded): Promise<void> {
    if (organization_id === null) return;
    const subject = { coordinator_id: id };
    await this.events.record({ organization_id, type: 'coordinator.registered', actor, subject, data: { name } });
  }

  /** Tells what is new of one coordinator, or of all. With `graceful` nobody is told of silences. */
  async tellHealth({ id = null, graceful }: { id?: string | null; graceful: boolean }): Promise<void> {
    const changes = await this.store.takeChanges(id, graceful, BATCH);
    const facts = changes.flatMap((change) => factsOf(change));
    if (facts.length > 0) await this.events.record(...facts);
  }
}

function factsOf(change: CoordinatorChange): NewEvent[] {
  const { id, organization_id, name, status, health, health_before, lost, lost_before, last_heartbeat } = change;
  if (organization_id === null) return [];
  const fact = { organization_id, actor: SYSTEM, subject: { coordinator_id: id } };
  const silence = { last_heartbeat: last_heartbeat?.toISOString() ?? null, silent_seconds: change.silent_seconds };
  const facts: NewEvent[] = [];
  if (health !== health_before) {
    const data = { name, before: health_before, after: health, status, ...silence };
    facts.push({ ...fact, type: 'coordinator.health_changed', data });
  }
  if (lost && !lost_before) facts.push({ ...fact, type: 'coordinator.lost', data: { name, status, ...silence } });
  return facts;
}
