import { DomainError } from '../domain-error.js';

/** Why a device gets no tokens (yet); `error` is the word that RFC 8628 §3.5 and RFC 6749 §5.2 have for it. */
abstract class DeviceRefusal extends DomainError {
  constructor(code: `auth/${string}`, error: string, detail: string, extra: Record<string, unknown> = {}) {
    super(code, 'invalid', detail, { error, ...extra });
  }
}

export class AuthorizationPending extends DeviceRefusal {
  constructor() {
    super('auth/authorization-pending', 'authorization_pending', 'Nobody has approved the device yet. Ask again.');
  }
}

export class SlowDown extends DeviceRefusal {
  constructor(interval: number) {
    const detail = `Asked too soon. From now on wait ${String(interval)} seconds between two questions.`;
    super('auth/slow-down', 'slow_down', detail, { interval });
  }
}

export class ExpiredDeviceCode extends DeviceRefusal {
  constructor() {
    super('auth/expired-token', 'expired_token', 'The code has expired. Begin again.');
  }
}

export class AccessDenied extends DeviceRefusal {
  constructor(detail: string) {
    super('auth/access-denied', 'access_denied', detail);
  }
}

/** Unknown, forgotten, or exchanged already. */
export class InvalidDeviceCode extends DeviceRefusal {
  constructor() {
    super('auth/invalid-grant', 'invalid_grant', 'This device code is not one that can be exchanged. Begin again.');
  }
}

/** Wrong, expired, or answered by somebody else: these look alike. */
export class UnknownUserCode extends DomainError {
  constructor() {
    super(
      'auth/unknown-user-code',
      'missing',
      'No device waits with this code. Compare it with what the device shows.',
    );
  }
}

export class DeviceAlreadyAnswered extends DomainError {
  constructor() {
    super('auth/device-already-answered', 'conflict', 'You have answered this device already.');
  }
}
