import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiSecurity } from '@nestjs/swagger';
import type { Request } from 'express';
import type { Permission } from './permissions.js';
import type { Principal, WorkerPrincipal } from './principal.js';

/** What a route demands of its caller. `signed-in` is any person or key, whatever their permissions. */
export type Access = 'public' | 'signed-in' | 'worker' | Permission;

export const ACCESS = Symbol('access');

/** Open to everybody. */
export const Public = () => applyDecorators(SetMetadata(ACCESS, 'public' satisfies Access), ApiSecurity({}));

/** Open to callers with the permission, or to any person who is signed in. */
export const Allow = (permission: Permission | 'signed-in') =>
  applyDecorators(
    SetMetadata(ACCESS, permission satisfies Access),
    ApiBearerAuth('bearer'),
    ApiExtension('x-permission', permission),
  );

/** Open to a worker's own token; `:id` in a path below `/workers` must be that worker. */
export const AllowWorker = () =>
  applyDecorators(
    SetMetadata(ACCESS, 'worker' satisfies Access),
    ApiBearerAuth('worker'),
    ApiExtension('x-permission', 'worker'),
  );

export type RequestWithPrincipal = Request & { principal?: Principal };

/** The caller. Only on routes that are not public. */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
  if (principal === undefined) throw new Error('a public route asked for its caller');
  return principal;
});

/** The calling worker. Only on routes marked with AllowWorker. */
export const CurrentWorker = createParamDecorator((_: unknown, context: ExecutionContext): WorkerPrincipal => {
  const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
  if (principal?.kind !== 'worker') throw new Error('a route that is not for workers asked for its worker');
  return principal;
});
