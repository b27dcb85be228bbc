import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { InvalidToken, NoToken } from '../auth/auth.errors.js';
import { HttpConfig, isLoopback } from '../config/http.config.js';

/** Headers of proxies: behind one on the same machine everybody would come from here. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Figures are for this machine, and for whoever knows METRICS_TOKEN. */
@Injectable()
export class MetricsGuard implements CanActivate {
  constructor(private readonly config: HttpConfig) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    if (isFromHere(request)) return true;
    const token = /^bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) throw new NoToken();
    const { metrics_token } = this.config;
    if (metrics_token === '' || !timingSafeEqual(hash(token), hash(metrics_token))) throw new InvalidToken();
    return true;
  }
}

function isFromHere({ socket, headers }: Request): boolean {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return isLoopback(address) && FORWARDED.every((name) => headers[name] === undefined);
}
