import {
  applyDecorators,
  Injectable,
  SetMetadata,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiExtension } from '@nestjs/swagger';
import type { Response } from 'express';
import type { RequestWithPrincipal } from '../auth/access.js';
import { isGithubId } from '../auth/github-id.js';
import { currentOrigin } from '../http/origin.js';
import { LIMITED } from '../http/problems.decorator.js';
import { TooManyAttempts } from './limits.errors.js';
import { LimitsService, type LimitName } from './limits.service.js';

/** Finds whom an attempt is about, in a request whose input nobody has checked yet; null when that cannot be told. */
export type AccountOf = (request: RequestWithPrincipal) => string | null;

interface RouteLimit {
  name: LimitName;
  accountOf: AccountOf;
}

const ROUTE_LIMIT = Symbol('route limit');

/** Answers 429 when the database has counted too many attempts; tells on every answer what is left. */
@Injectable()
export class LimitGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly limits: LimitsService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const { name, accountOf } = this.reflector.get<RouteLimit>(ROUTE_LIMIT, context.getHandler());
    const request = context.switchToHttp().getRequest<RequestWithPrincipal>();
    const response = context.switchToHttp().getResponse<Response>();
    const left = await this.limits.attempt(name, { ip: currentOrigin().ip, account: accountOf(request) });
    if (left === null) return true;
    response.setHeader('RateLimit-Limit', left.limit);
    response.setHeader('RateLimit-Remaining', left.remaining);
    response.setHeader('RateLimit-Reset', left.reset_seconds);
    if (left.allowed) return true;
    response.setHeader('Retry-After', left.reset_seconds);
    throw new TooManyAttempts();
  }
}

/**
 * Limits how often a route may be called by one address, and about one account where `accountOf` is given. Guards run
 * from the lowest decorator up, so one that is to be asked first stands below.
 */
export const Limited = (name: LimitName, accountOf: AccountOf = () => null): MethodDecorator =>
  applyDecorators(
    SetMetadata(ROUTE_LIMIT, { name, accountOf } satisfies RouteLimit),
    UseGuards(LimitGuard),
    ApiExtension(LIMITED, true),
  );

/** The caller. */
export const callingPerson: AccountOf = ({ principal }) => principal?.id ?? null;

/** `github_id` of the body, as a number or a string of digits: both spellings are one account. */
export const githubIdOfBody: AccountOf = (request) => {
  const id = field(request.body, 'github_id');
  const text = typeof id === 'number' ? String(id) : id;
  return typeof text === 'string' && isGithubId(text) ? text : null;
};

/** The refresh token, from the body or the cookie. */
export const presentedToken: AccountOf = (request) => {
  const token = field(request.body, 'refresh_token') ?? field(request.cookies, 'miyabi_refresh');
  return typeof token === 'string' ? token : null;
};

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
