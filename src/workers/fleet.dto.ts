import { ApiProperty } from '@nestjs/swagger';
import { ActorDto } from '../auth/actor.dto.js';
import { Flag, Nullable, Optional, Text } from '../http/fields.js';
import type { FleetPause } from '../queue/fleet-pauses.service.js';

/** Why nothing is to be begun. */
export class PauseFleetDto {
  /**
   * For those who wonder why nothing begins.
   * @example "The main branch is frozen for the release"
   */
  @Nullable()
  @Text({ min: 1, max: 1000 })
  note?: string | null;

  /**
   * Whether what runs is to be cancelled as well; needs `tasks.update`.
   * @example false
   */
  @Optional()
  @Flag()
  cancel_running?: boolean;
}

/** Whether anything of the organization is begun. */
export class FleetDto {
  /**
   * Whether it is paused: no task of the organization is given to any worker.
   * @example true
   */
  paused!: boolean;

  /**
   * What was noted about that.
   * @example "The main branch is frozen for the release"
   */
  note!: string | null;

  /** Who paused it, null while it is not. */
  @ApiProperty({ type: ActorDto, nullable: true })
  paused_by!: ActorDto | null;

  /**
   * Since when it is paused, null while it is not.
   * @example 2026-01-31T12:00:00.000Z
   */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  paused_at!: string | null;

  static from(pause: FleetPause | null): FleetDto {
    return {
      paused: pause !== null,
      note: pause?.note ?? null,
      paused_by: pause?.paused_by ?? null,
      paused_at: pause && pause.paused_at.toISOString(),
    };
  }
}

/** A fleet that has been paused. */
export class FleetPauseReceiptDto extends FleetDto {
  /**
   * How many tasks that ran were cancelled, or their workers asked to end them.
   * @example 0
   */
  @ApiProperty({ type: 'integer' })
  cancelled!: number;

  /**
   * Whether more of them run than a request has time for. Ask again.
   * @example false
   */
  more!: boolean;
}
