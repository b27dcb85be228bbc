import { ApiProperty } from '@nestjs/swagger';
import { ActorDto } from '../auth/actor.dto.js';
import { AnyOf, Id, Optional, Pattern, QueryNumber } from '../http/fields.js';
import { EVENT_TYPES, type EventSubject } from './event-types.js';
import type { EventRow } from './events.store.js';
import { LIVE_TYPES } from './topics.js';

/** Facts, and news that only streams tell. */
export const STREAMED_TYPES = [...EVENT_TYPES, ...LIVE_TYPES];

/** Which events to read. */
export class EventsQuery {
  /**
   * Position behind which to read: `id` of the last event known. Absent reads from the beginning.
   * @example 1024
   */
  @Optional()
  @Pattern(/^\d{1,18}$/, 'the id of an event')
  after?: string;

  /**
   * Only events of these types; repeatable.
   * @example ["task.completed"]
   */
  @Optional()
  @AnyOf(EVENT_TYPES)
  types?: string[];

  /**
   * Only events about this task.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  task_id?: string;

  /**
   * How many events to answer at the most.
   * @example 20
   */
  @QueryNumber({ min: 1, max: 100, fallback: 20 })
  limit: number = 20;
}

/** Which events to follow. */
export class EventStreamQuery {
  /**
   * Position behind which to begin: `id` of the last event known. Absent begins with what happens from now on.
   * @example 1024
   */
  @Optional()
  @Pattern(/^\d{1,18}$/, 'the id of an event')
  after?: string;

  /**
   * Only events of these types; repeatable.
   * @example ["task.completed"]
   */
  @Optional()
  @AnyOf(STREAMED_TYPES)
  types?: string[];

  /**
   * Only events about this task.
   * @example 0192f0c1-2345-7abc-8def-0123456789ab
   */
  @Optional()
  @Id()
  task_id?: string;
}

/** A fact. */
export class EventDto {
  /**
   * Position in the order of events, a decimal number. It only grows for a reader.
   * @example "1025"
   */
  id!: string;

  /**
   * What happened.
   * @example task.completed
   */
  type!: string;

  /** Who did it. */
  actor!: ActorDto;

  /**
   * Ids of what it is about.
   * @example {"task_id": "0192f0c1-2345-7abc-8def-0123456789ab"}
   */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  subject!: EventSubject;

  /**
   * What else is to be said, by type.
   * @example {"status": "completed"}
   */
  @ApiProperty({ type: 'object', additionalProperties: true })
  data!: Record<string, unknown>;

  /**
   * When it happened.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: string;

  static from({ position, type, actor, subject, data, created_at }: EventRow): EventDto {
    return { id: position, type, actor, subject, data, created_at: created_at.toISOString() };
  }
}

/** Some events, oldest first. */
export class EventsPage {
  /** The events. */
  items!: EventDto[];

  /**
   * Position to read on from: `after` of the next question.
   * @example "1025"
   */
  next_cursor!: string;
}
