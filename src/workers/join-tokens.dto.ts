import { ApiProperty } from '@nestjs/swagger';
import { KeyMakerDto } from '../auth/api-keys.dto.js';
import type { JoinTokenInput, JoinTokenRow } from '../auth/join-tokens.service.js';
import { Id, Optional, WholeNumber, Words } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import { LABEL } from '../tasks/create-task.dto.js';

const HOUR = 3600;
const MOST_USES = 1000;

/** What a new join token is to be. */
export class CreateJoinTokenDto {
  /**
   * Life of the token in seconds, from a minute to a day; an hour when absent.
   * @example 3600
   */
  @Optional()
  @WholeNumber({ min: 60, max: 24 * HOUR })
  expires_in?: number;

  /**
   * How many workers may join with it; 1 when absent.
   * @example 1
   */
  @Optional()
  @WholeNumber({ min: 1, max: MOST_USES })
  uses?: number;

  /**
   * Labels that each of these workers has, beside those it says of itself.
   * @example ["gpu", "region=eu"]
   */
  @Optional()
  @Words({ max: 50, pattern: LABEL, form: 'a label such as gpu or region=eu' })
  labels?: string[];

  toInput(): JoinTokenInput {
    return { expires_in: this.expires_in ?? HOUR, uses: this.uses ?? 1, labels: [...new Set(this.labels ?? [])] };
  }
}

/** A join token, without its secret. */
export class JoinTokenDto {
  /**
   * Id of the token, to take it back by.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * The first 8 characters of the token, to recognize it by.
   * @example myj_3q2x
   */
  prefix!: string;

  /**
   * How many more workers may join with it.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  uses_left!: number;

  /**
   * Labels that these workers get.
   * @example ["gpu", "region=eu"]
   */
  labels!: string[];

  /** Who made it; null for a person who is gone. It works only while they may let workers in. */
  created_by!: KeyMakerDto | null;

  /**
   * When it was made.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  /**
   * When it stops working.
   * @example 2026-01-31T13:00:00.000Z
   */
  expires_at!: Date;

  /**
   * When it was last used, within a minute; null for never.
   * @example 2026-01-31T12:05:00.000Z
   */
  last_used_at!: Date | null;

  /**
   * When it was taken back; null when it was not.
   * @example 2026-01-31T12:30:00.000Z
   */
  revoked_at!: Date | null;

  static from(token: JoinTokenRow): JoinTokenDto {
    const { id, prefix, uses_left, labels, created_by, created_at, expires_at, last_used_at, revoked_at } = token;
    return Object.assign(new JoinTokenDto(), {
      id,
      prefix,
      uses_left,
      labels,
      created_by,
      created_at,
      expires_at,
      last_used_at,
      revoked_at,
    });
  }
}

/** A join token that has just been made. */
export class CreatedJoinTokenDto {
  /**
   * Id of the token, to take it back by.
   * @example 019c1234-5678-7abc-8def-0123456789ab
   */
  @Id()
  id!: string;

  /**
   * The whole token, for the header `Authorization: Bearer` of `POST /workers`. It is shown this once and is not kept.
   * @example myj_3q2x7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0s9Fq1
   */
  token!: string;

  /**
   * What to paste into a shell of the machine that is to join.
   * @example "curl -fsSL https://miyabi.example.org/join.sh | MIYABI_JOIN_TOKEN=myj_3q2x7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0s9Fq1 sh"
   */
  command!: string;

  /**
   * When it stops working.
   * @example 2026-01-31T13:00:00.000Z
   */
  expires_at!: Date;

  /**
   * How many workers may join with it.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  uses_left!: number;

  /**
   * Labels that these workers get.
   * @example ["gpu", "region=eu"]
   */
  labels!: string[];

  static from(join_token: JoinTokenRow, token: string, command: string): CreatedJoinTokenDto {
    const { id, expires_at, uses_left, labels } = join_token;
    return Object.assign(new CreatedJoinTokenDto(), { id, token, command, expires_at, uses_left, labels });
  }
}

/** One page of join tokens. */
export class JoinTokenPage extends PageOf(JoinTokenDto) {}
