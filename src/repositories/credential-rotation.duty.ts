import { Injectable } from '@nestjs/common';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { CredentialSeals } from './credential-seals.js';

const AT_ONCE = 100;

/** Brings the credentials of repositories to the first of TOKEN_ENCRYPTION_KEYS, a few at a time. */
@Injectable()
export class CredentialRotationDuty implements Duty {
  readonly name = 'credential-rotation';
  readonly interval_seconds = 60;
  /** Where to go on, so that credentials which cannot be opened do not keep the others. */
  private after: string | null = null;

  constructor(
    private readonly seals: CredentialSeals,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    this.after = await this.seals.resealSome(this.after, AT_ONCE);
  }
}
