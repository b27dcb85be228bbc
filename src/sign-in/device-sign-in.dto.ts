import { ApiProperty } from '@nestjs/swagger';
import { Flag, OneOf, Optional, Pattern, Text } from '../http/fields.js';
import type { DeviceGrant } from './device-grant.entity.js';

const DEVICE_GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:device_code';

/** A device that wants to be signed in. */
export class BeginDeviceDto {
  /**
   * What the program calls itself; shown to the person who approves, without invisible characters.
   * @example "miyabi on build-host-3"
   */
  @Optional()
  @Text({ min: 1, max: 100 })
  client_name?: string;
}

/** What a device shows, and what it asks with (RFC 8628 §3.2). */
export class BegunDeviceDto {
  /**
   * For `POST /auth/device/token`; a secret of the device.
   * @example myd_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
   */
  device_code!: string;

  /**
   * What the device shows and the person types.
   * @example WDJB-MJHT
   */
  user_code!: string;

  /**
   * The page on which the person types it.
   * @example https://miyabi.example.org/device
   */
  verification_uri!: string;

  /**
   * The same page with the code filled in, for a link or a QR code.
   * @example "https://miyabi.example.org/device?user_code=WDJB-MJHT"
   */
  verification_uri_complete!: string;

  /**
   * Seconds until both codes expire.
   * @example 900
   */
  @ApiProperty({ type: 'integer' })
  expires_in!: number;

  /**
   * Seconds to wait between two questions for the tokens.
   * @example 5
   */
  @ApiProperty({ type: 'integer' })
  interval!: number;
}

/** A device that asks for its tokens. */
export class DeviceTokenDto {
  /**
   * `device_code` of `POST /auth/device`.
   * @example myd_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
   */
  @Pattern(/^\S+$/, 'a device code', 255)
  device_code!: string;

  /**
   * What RFC 8628 §3.4 has every request say; it may be left out here.
   * @example urn:ietf:params:oauth:grant-type:device_code
   */
  @Optional()
  @OneOf([DEVICE_GRANT_TYPE])
  grant_type?: string;

  /**
   * Taken for clients that send one (RFC 8628 §3.4), and not looked at: programs need not be registered here.
   * @example miyabi-cli
   */
  @Optional()
  @Text({ max: 255 })
  client_id?: string;
}

/** The code that a device shows. */
export class UserCodeDto {
  /**
   * As the device shows it; case, blanks and punctuation do not matter.
   * @example WDJB-MJHT
   */
  @Text({ min: 1, max: 32 })
  user_code!: string;
}

/** An answer to a device. */
export class AnswerDeviceDto extends UserCodeDto {
  /**
   * False denies the device.
   * @example true
   */
  @Optional()
  @Flag()
  approve?: boolean;
}

/** A device, as somebody sees it who is to approve it. */
export class DeviceDto {
  /**
   * What the program calls itself. Anybody can call theirs anything.
   * @example "miyabi on build-host-3"
   */
  client_name!: string;

  /**
   * Address that it asked from; null when that is not known.
   * @example 203.0.113.7
   */
  ip!: string | null;

  /**
   * Its `User-Agent`; null when it sent none.
   * @example miyabi/0.1.0
   */
  user_agent!: string | null;

  /**
   * When it asked.
   * @example 2026-01-31T12:00:00.000Z
   */
  created_at!: Date;

  /**
   * Until when it can be approved and get its tokens.
   * @example 2026-01-31T12:15:00.000Z
   */
  expires_at!: Date;

  /**
   * Whether it waits, or what was answered; `used` once it has its tokens.
   * @example pending
   */
  @OneOf(['pending', 'approved', 'denied', 'used'])
  status!: DeviceGrant['status'];

  static from({ client_name, ip, user_agent, created_at, expires_at, status }: DeviceGrant): DeviceDto {
    return Object.assign(new DeviceDto(), { client_name, ip, user_agent, created_at, expires_at, status });
  }
}
