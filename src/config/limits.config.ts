import { whole } from './readers.js';
import { Variable } from './variable.js';

const attempts = whole(0, 1_000_000);

/** How often somebody may try to sign in, in all processes together; 0 switches a limit off. */
export class LimitsConfig {
  @Variable({
    name: 'SIGN_IN_LIMIT_PER_ADDRESS',
    about: 'Sign-ins and device codes that one address may ask for in a minute; 0 for no limit.',
    read: attempts,
    default: 60,
  })
  readonly sign_in_per_address!: number;

  @Variable({
    name: 'SIGN_IN_LIMIT_PER_ACCOUNT',
    about: 'Sign-ins as one person in a minute, from wherever; 0 for no limit.',
    read: attempts,
    default: 10,
  })
  readonly sign_in_per_account!: number;

  @Variable({
    name: 'REFRESH_LIMIT_PER_ADDRESS',
    about: 'Refreshes that one address may ask for in a minute; 0 for no limit.',
    read: attempts,
    default: 300,
  })
  readonly refresh_per_address!: number;

  @Variable({
    name: 'REFRESH_LIMIT_PER_TOKEN',
    about: 'How often one refresh token may be presented in a minute, from wherever; 0 for no limit.',
    read: attempts,
    default: 30,
  })
  readonly refresh_per_token!: number;

  @Variable({
    name: 'DEVICE_POLL_LIMIT_PER_ADDRESS',
    about: 'How often the devices behind one address may ask for their tokens in a minute; 0 for no limit.',
    read: attempts,
    default: 600,
  })
  readonly device_polls_per_address!: number;

  @Variable({
    name: 'WRONG_CODE_LIMIT_PER_ACCOUNT',
    about: 'Wrong device codes that one person may enter in 15 minutes; 0 for no limit.',
    read: attempts,
    default: 10,
  })
  readonly wrong_codes_per_account!: number;
}
