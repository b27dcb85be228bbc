import { Injectable } from '@nestjs/common';
import { DutiesService } from '../duties/duties.service.js';
import type { Duty } from '../duties/duty.js';
import { GithubTokensService } from './github-tokens.service.js';

const AT_ONCE = 100;

/** Brings the tokens of GitHub to the first of TOKEN_ENCRYPTION_KEYS, a few at a time. */
@Injectable()
export class TokenRotationDuty implements Duty {
  readonly name = 'token-rotation';
  readonly interval_seconds = 60;
  /** Where to go on, so that tokens which cannot be opened do not keep the others. */
  private after: string | null = null;

  constructor(
    private readonly tokens: GithubTokensService,
    duties: DutiesService,
  ) {
    duties.add(this);
  }

  async runOnce(): Promise<void> {
    this.after = await this.tokens.resealSome(this.after, AT_ONCE);
  }
}
