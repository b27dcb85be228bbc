import { ApiProperty } from '@nestjs/swagger';
import { KeyMakerDto } from '../auth/api-keys.dto.js';
import type { JoinTokenInput, JoinTokenRow } from '../auth/join-tokens.service.js';
import { InvalidInput } from '../domain-error.js';
import { Id, OneOf, Optional, WholeNumber, Words } from '../http/fields.js';
import { PageOf } from '../http/page.js';
import { LABEL } from '../tasks/create-task.dto.js';

const NOT_OF_A_WORKER = { field: 'workers', message: 'workers must not be there unless joins is coordinator' };
const HOUR = 3600;
const MOST_USES = 1000;
/** As many as a coordinator runs at most. */
const MOST_WORKERS = 256;

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
   * What joins with it: a `worker`, which it is when absent, or a `coordinator`, which keeps several workers of its own
   * running and registers them. The latter needs the permission `coordinators.register` as well.
   * @example worker
   */
  @Optional()
  @OneOf(['worker', 'coordinator'])
  joins?: 'worker' | 'coordinator';

  /**
   * How many workers the line to paste has a coordinator run; absent leaves it to the machine, whose default is 2.
   * @example 4
   */
  @Optional()
  @WholeNumber({ min: 1, max: MOST_WORKERS })
  workers?: number;

  /**
   * How many may join with it; 1 when absent. The workers of a coordinator are not counted.
   * @example 1
   */
  @Optional()
  @WholeNumber({ min: 1, max: MOST_USES })
  uses?: number;

  /**
   * Labels that each of these workers has, or each worker of these coordinators, beside those it says of itself.
   * @example ["gpu", "region=eu"]
   */
  @Optional()
  @Words({ max: 50, pattern: LABEL, form: 'a label such as gpu or region=eu' })
  labels?: string[];

  toInput(): JoinTokenInput {
    const { joins = 'worker', uses = 1, expires_in = HOUR } = this;
    return { expires_in, joins, uses, labels: [...new Set(this.labels ?? [])] };
  }

  /** What the line to paste says to `miyabi`. */
  toWords(): string[] {
    if (this.joins !== 'coordinator') {
      if (this.workers !== undefined)
        throw new InvalidInput('Workers are counted for a coordinator.', [NOT_OF_A_WORKER]);
      return [];
    }
    return ['coordinator', ...(this.workers === undefined ? [] : ['--workers', String(this.workers)])];
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
   * What joins with it.
   * @example worker
   */
  @ApiProperty({ enum: ['worker', 'coordinator'] })
  joins!: 'worker' | 'coordinator';

  /**
   * How many more may join with it.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  uses_left!: number;

  /**
   * Labels that the workers get.
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
    const { id, prefix, joins, uses_left, labels, created_by, created_at, expires_at, last_used_at, revoked_at } =
      token;
    return Object.assign(new JoinTokenDto(), {
      id,
      prefix,
      joins,
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
   * The whole token, for the header `Authorization: Bearer` of `POST /workers`, or of
   * `POST /coordinators`. It is shown this once and is not kept.
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
   * What joins with it.
   * @example worker
   */
  @ApiProperty({ enum: ['worker', 'coordinator'] })
  joins!: 'worker' | 'coordinator';

  /**
   * How many may join with it.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  uses_left!: number;

  /**
   * Labels that the workers get.
   * @example ["gpu", "region=eu"]
   */
  labels!: string[];

  static from(join_token: JoinTokenRow, token: string, command: string): CreatedJoinTokenDto {
    const { id, expires_at, joins, uses_left, labels } = join_token;
    return Object.assign(new CreatedJoinTokenDto(), {
      ...{ id, token, command, expires_at },
      ...{ joins, uses_left, labels },
    });
  }
}

/** One page of join tokens. */
export class JoinTokenPage extends PageOf(JoinTokenDto) {}
