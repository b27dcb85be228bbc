import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How far somebody within the server has taken the events of all organizations. */
@Entity('event_marks')
export class EventMark {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'event_marks_pkey' })
  name!: string;

  @Column({ type: 'bigint' })
  position!: string;
}
