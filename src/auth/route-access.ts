import { Injectable, type OnModuleInit } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { ACCESS, type Access } from './access.js';

/** A handler of a controller, and what it demands of its caller. */
export interface RouteInfo {
  controller: abstract new (...parameters: never[]) => object;
  handler: (...parameters: never[]) => unknown;
  /** `TasksController.create` */
  name: string;
  access: Access | undefined;
}

/** Knows what every route demands; an application with a route that demands nothing does not start. */
@Injectable()
export class RouteAccess implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onModuleInit(): void {
    const open = this.routes().filter(({ access }) => access === undefined);
    if (open.length === 0) return;
    throw new Error(`routes without @Public, @Allow or @AllowWorker: ${open.map(({ name }) => name).join(', ')}`);
  }

  /** Every route of every controller. */
  routes(): RouteInfo[] {
    return this.discovery.getControllers().flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const controller = metatype as RouteInfo['controller'];
      const prototype = controller.prototype as Record<string, RouteInfo['handler']>;
      return this.scanner
        .getAllMethodNames(prototype)
        .map((method) => ({ method, handler: prototype[method] }))
        .filter((found): found is { method: string; handler: RouteInfo['handler'] } => isRoute(found.handler))
        .map(({ method, handler }) => ({
          controller,
          handler,
          name: `${controller.name}.${method}`,
          access: Reflect.getMetadata(ACCESS, handler) as Access | undefined,
        }));
    });
  }
}

const isRoute = (handler: unknown): boolean =>
  typeof handler === 'function' && Reflect.hasMetadata(METHOD_METADATA, handler);
