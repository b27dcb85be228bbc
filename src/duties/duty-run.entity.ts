import { Column, Entity, PrimaryColumn } from 'typeorm';

/** When a duty last ran, and how that ended. */
@Entity('duty_runs')
export class DutyRun {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'duty_runs_pkey' })
  name!: string;

  @Column({ type: 'timestamptz', nullable: true })
  last_run_at!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  last_success_at!: Date | null;

  @Column({ type: 'text', nullable: true })
  last_error!: string | null;

  /** Until then no lease ends, because workers may not have been able to reach the server. */
  @Column({ type: 'timestamptz', nullable: true })
  grace_until!: Date | null;
}
