import { Injectable } from '@nestjs/common';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { hashOfSecret } from '../auth/keys.js';
import { LimitsConfig } from '../config/limits.config.js';
import { addressBlock } from './address-block.js';
import { RateLimitsStore } from './rate-limits.store.js';

/** What is limited: signing in, refreshing, a device's questions for its tokens, codes that people enter. */
export type LimitName = 'sign-in' | 'refresh' | 'device-poll' | 'device-code';

/** Whose attempts are counted together. */
type By = 'address' | 'account';

interface Rule {
  /** Attempts within the time; 0 is no limit. */
  attempts: number;
  seconds: number;
  /** Whether attempts are given back once they prove right (`forgive`). */
  forgiving?: boolean;
}

/** What is left to somebody who has made an attempt. */
export interface Allowance {
  allowed: boolean;
  /** Attempts within the time that is counted. */
  limit: number;
  /** Further attempts before that time is over. */
  remaining: number;
  /** Seconds until the count begins anew, at least 1. */
  reset_seconds: number;
}

export interface Attempt {
  /** IP address it comes from. */
  ip: string | null;
  /** Whom it is about: a GitHub id, a token, the id of a person. Null when that cannot be told. */
  account: string | null;
}

const MINUTE = 60;

const rulesOf = (config: LimitsConfig): Readonly<Record<LimitName, Partial<Record<By, Rule>>>> => ({
  'sign-in': {
    address: { attempts: config.sign_in_per_address, seconds: MINUTE },
    account: { attempts: config.sign_in_per_account, seconds: MINUTE },
  },
  refresh: {
    address: { attempts: config.refresh_per_address, seconds: MINUTE },
    account: { attempts: config.refresh_per_token, seconds: MINUTE },
  },
  'device-poll': { address: { attempts: config.device_polls_per_address, seconds: MINUTE } },
  'device-code': {
    address: { attempts: config.sign_in_per_address, seconds: MINUTE },
    account: { attempts: config.wrong_codes_per_account, seconds: 15 * MINUTE, forgiving: true },
  },
});

/** Counts attempts in the database, so that a limit holds for all processes together. */
@Injectable()
export class LimitsService {
  private readonly limiters = new Map<string, RateLimiterPostgres>();

  constructor(
    private readonly store: RateLimitsStore,
    config: LimitsConfig,
  ) {
    for (const [name, rules] of Object.entries(rulesOf(config))) {
      for (const [by, rule] of Object.entries(rules)) {
        if (rule.attempts > 0) this.limiters.set(`${name}:${by}`, this.limiter(`${name}:${by}`, rule));
      }
    }
  }

  /**
   * Counts an attempt and tells what is left, of the tighter of its two limits; null where there is none. What an
   * address has too many of is not counted for the account as well: nobody is locked out by a single stranger.
   */
  async attempt(name: LimitName, { ip, account }: Attempt): Promise<Allowance | null> {
    const byAddress = await this.take(`${name}:address`, ip === null ? 'unknown' : addressBlock(ip));
    if (byAddress?.allowed === false || account === null) return byAddress;
    const byAccount = await this.take(`${name}:account`, accountKey(account));
    if (byAddress === null || byAccount === null) return byAccount ?? byAddress;
    return byAccount.allowed && byAddress.remaining < byAccount.remaining ? byAddress : byAccount;
  }

  /** Gives an attempt back to the account: it was right, and only wrong ones are to count. */
  async forgive(name: LimitName, account: string): Promise<void> {
    await this.limiters.get(`${name}:account`)?.reward(accountKey(account));
  }

  /** Forgets counts whose time is over, and tells how many; at most `limit`. */
  deleteExpired(limit: number): Promise<number> {
    return this.store.deleteExpired(limit);
  }

  private limiter(keyPrefix: string, { attempts, seconds, forgiving = false }: Rule): RateLimiterPostgres {
    return new RateLimiterPostgres({
      storeClient: this.store.connection,
      storeType: 'client',
      tableName: this.store.table,
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix,
      points: attempts,
      duration: seconds,
      // Who has used up everything is refused by the process itself until the time is over: a flood costs no statement.
      ...(!forgiving && { inMemoryBlockOnConsumed: attempts }),
    });
  }

  private async take(limiterKey: string, key: string): Promise<Allowance | null> {
    const limiter = this.limiters.get(limiterKey);
    if (limiter === undefined) return null;
    const allowance = (allowed: boolean, left: RateLimiterRes): Allowance => ({
      allowed,
      limit: limiter.points,
      remaining: left.remainingPoints,
      reset_seconds: Math.max(1, Math.ceil(left.msBeforeNext / 1000)),
    });
    try {
      return allowance(true, await limiter.consume(key));
    } catch (refusal) {
      // Anything else is a fault of the database, which lets nobody pass.
      if (refusal instanceof RateLimiterRes) return allowance(false, refusal);
      throw refusal;
    }
  }
}

/** Of one length, and nothing that the table would tell of tokens. */
const accountKey = (account: string): string => hashOfSecret(account).toString('base64url');
