import { applyDecorators, createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiSecurity } from '@nestjs/swagger';
import type { Request } from 'express';
import { OnlyPeople } from './auth.errors.js';
import type { Permission } from './permissions.js';
import type { CoordinatorPrincipal, Principal, UserPrincipal, WorkerPrincipal } from './principal.js';

/** What a route demands of its caller. `signed-in` is any person or key, whatever their permissions. */
export type Access = 'public' | 'signed-in' | 'worker' | 'coordinator' | Permission;

/** What has no permissions, and is let in only where a route names it. */
export type TokenKind = 'worker' | 'coordinator' | 'join' | 'host_join';

export const ACCESS = Symbol('access');
export const WELCOME = Symbol('welcome');
export const PATIENT = Symbol('patient');

/** Marks a handler. Two marks would contradict each other, and the upper one would win unnoticed. */
const demand =
  (access: Access): MethodDecorator =>
  (target, property, descriptor) => {
    const handler = descriptor.value as object;
    if (Reflect.hasMetadata(ACCESS, handler))
      throw new Error(`${target.constructor.name}.${String(property)} says twice who may call it`);
    Reflect.defineMetadata(ACCESS, access, handler);
  };

/** Open to everybody. */
export const Public = (): MethodDecorator => applyDecorators(demand('public'), ApiSecurity({}));

/** Open to callers with the permission, or with `signed-in` to every person and key. */
export const Allow = (permission: Permission | 'signed-in'): MethodDecorator =>
  applyDecorators(demand(permission), ApiBearerAuth('bearer'), ApiExtension('x-permission', permission));

/** Opens a route with a permission to tokens as well that hold none; what they may do there the service decides. */
export const AlsoFor = (...kinds: readonly TokenKind[]): MethodDecorator => SetMetadata(WELCOME, kinds);

/** Open to a worker's own token; `:id` in a path below `/workers` must be that worker. */
export const AllowWorker = (): MethodDecorator =>
  applyDecorators(demand('worker'), ApiBearerAuth('worker'), ApiExtension('x-permission', 'worker'));

/** A route for what nobody waits for: its callers are looked up together with those of the next moment. */
export const Patient = (): MethodDecorator => SetMetadata(PATIENT, true);

/** Open to a coordinator's own token; `:id` in a path below `/coordinators` must be that coordinator. */
export const AllowCoordinator = (): MethodDecorator =>
  applyDecorators(demand('coordinator'), ApiBearerAuth('coordinator'), ApiExtension('x-permission', 'coordinator'));

export type RequestWithPrincipal = Request & { principal?: Principal };

/** The caller. Only on routes that are not public. */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
  if (principal === undefined) throw new Error('a public route asked for its caller');
  return principal;
});

/** The calling person. Throws OnlyPeople for keys, which a route for the signed-in would let through. */
export const CurrentPerson = createParamDecorator((_: unknown, context: ExecutionContext): UserPrincipal => {
  const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
  if (principal?.kind !== 'user') throw new OnlyPeople();
  return principal;
});

/** The calling worker. Only on routes marked with AllowWorker. */
export const CurrentWorker = createParamDecorator((_: unknown, context: ExecutionContext): WorkerPrincipal => {
  const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
  if (principal?.kind !== 'worker') throw new Error('a route that is not for workers asked for its worker');
  return principal;
});

/** The calling coordinator. Only on routes marked with AllowCoordinator. */
export const CurrentCoordinator = createParamDecorator(
  (_: unknown, context: ExecutionContext): CoordinatorPrincipal => {
    const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
    if (principal?.kind !== 'coordinator')
      throw new Error('a route that is not for coordinators asked for its coordinator');
    return principal;
  },
);
