import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Attempts of one kind by one caller within the time that is counted; in the form the library wants. */
@Entity('rate_limits')
export class RateLimit {
  @PrimaryColumn({ type: 'varchar', length: 255, primaryKeyConstraintName: 'rate_limits_pkey' })
  key!: string;

  @Column({ type: 'integer', default: 0 })
  points!: number;

  /** When the count begins anew, in milliseconds since 1970. */
  @Column({ type: 'bigint', nullable: true })
  @Index('rate_limits_expire_idx')
  expire!: string | null;
}
