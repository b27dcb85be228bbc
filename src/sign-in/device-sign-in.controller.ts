import { Body, Controller, Header, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, CurrentPerson, Public } from '../auth/access.js';
import { TokenPairDto } from '../auth/auth.dto.js';
import type { UserPrincipal } from '../auth/principal.js';
import { ProblemsWith } from '../http/problems.decorator.js';
import { NotIdempotent } from '../idempotency/idempotent.decorator.js';
import { callingPerson, Limited } from '../limits/limit.guard.js';
import {
  AnswerDeviceDto,
  BeginDeviceDto,
  BegunDeviceDto,
  DeviceDto,
  DeviceTokenDto,
  UserCodeDto,
} from './device-sign-in.dto.js';
import { DeviceSignInService } from './device-sign-in.service.js';

@ApiTags('Auth')
@Controller('auth/device')
export class DeviceSignInController {
  constructor(private readonly devices: DeviceSignInService) {}

  /**
   * Begin the sign-in of a device without a browser
   *
   * The device flow of OAuth (RFC 8628), with JSON bodies. The device shows `user_code` and `verification_uri`, and asks
   * `POST /auth/device/token` every `interval` seconds until somebody has approved it on that page.
   */
  @Post()
  @Public()
  @NotIdempotent()
  @Limited('sign-in')
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: BegunDeviceDto, description: 'The codes of the device.' })
  begin(@Body() body: BeginDeviceDto): Promise<BegunDeviceDto> {
    return this.devices.begin(body.client_name);
  }

  /**
   * Ask for the tokens of a device
   *
   * Answers them once. Before that it is a 400 whose `error` is the word of RFC 8628 §3.5: `authorization_pending` (ask
   * again), `slow_down` (ask again after the new `interval`), `access_denied`, `expired_token`, or `invalid_grant` for a
   * code that is unknown or was exchanged already.
   */
  @Post('token')
  @Public()
  @NotIdempotent()
  @Limited('device-poll')
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @ApiOkResponse({ type: TokenPairDto, description: 'The device is signed in as the person who approved it.' })
  @ProblemsWith({
    400: [
      'request/invalid',
      'auth/authorization-pending',
      'auth/slow-down',
      'auth/access-denied',
      'auth/expired-token',
      'auth/invalid-grant',
    ],
  })
  async exchange(@Body() body: DeviceTokenDto): Promise<TokenPairDto> {
    return TokenPairDto.from(await this.devices.exchange(body.device_code));
  }

  /**
   * Look at the device with a code before approving it
   *
   * For people. Ten wrong codes within 15 minutes are one too many.
   */
  @Post('lookup')
  @Allow('signed-in')
  @Limited('device-code', callingPerson)
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: DeviceDto, description: 'The device that waits, or that the caller has answered.' })
  @ProblemsWith({ 404: ['auth/unknown-user-code'] })
  async lookUp(@CurrentPerson() person: UserPrincipal, @Body() { user_code }: UserCodeDto): Promise<DeviceDto> {
    return DeviceDto.from(await this.devices.lookUp(person, user_code));
  }

  /**
   * Approve or deny the device with a code
   *
   * For people. The device acts as the caller, in the organization that the caller's token acts in, provided that the
   * caller is still signed in and belongs there when the device fetches its tokens.
   */
  @Post('approve')
  @Allow('signed-in')
  @Limited('device-code', callingPerson)
  @HttpCode(HttpStatus.OK)
  @ApiOkResponse({ type: DeviceDto, description: 'The device as it was answered.' })
  @ProblemsWith({ 404: ['auth/unknown-user-code'], 409: ['auth/device-already-answered'] })
  async answer(
    @CurrentPerson() person: UserPrincipal,
    @Body() { user_code, approve }: AnswerDeviceDto,
  ): Promise<DeviceDto> {
    return DeviceDto.from(await this.devices.answer(person, user_code, approve ?? true));
  }
}
