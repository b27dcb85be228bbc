import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ACCESS, PATIENT, WELCOME, type Access, type RequestWithPrincipal, type TokenKind } from './access.js';
import { assertAllowed } from './access.policy.js';
import { CallersService } from './callers.service.js';

/** Stands before every route, and is closed by default. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly callers: CallersService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const handler = context.getHandler();
    const access = this.reflector.get<Access | undefined>(ACCESS, handler);
    // RouteAccess has refused to start such an application; this is for what was mounted behind its back.
    if (access === undefined)
      throw new Error(`${context.getClass().name}.${handler.name} does not say who may call it`);
    if (access === 'public') return true;
    const request = context.switchToHttp().getRequest<RequestWithPrincipal>();
    const isPatient = this.reflector.get<true | undefined>(PATIENT, handler) ?? false;
    const principal = await this.callers.identifyHeader(request.headers.authorization, isPatient);
    const welcome = this.reflector.get<readonly TokenKind[] | undefined>(WELCOME, handler);
    assertAllowed(principal, access, memberInPath(request), welcome);
    request.principal = principal;
    return true;
  }
}

/** `:id` of a path below `/workers` or `/coordinators`. */
function memberInPath(request: RequestWithPrincipal): string | null {
  const { path } = request.route as { path: string };
  const id = request.params['id'];
  return /\/(workers|coordinators)\/:id(\/|$)/.test(path) && typeof id === 'string' ? id.toLowerCase() : null;
}
