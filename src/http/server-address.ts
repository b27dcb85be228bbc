import type { Server } from 'node:http';
import type { Request } from 'express';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { HttpConfig } from '../config/http.config.js';

/** Host and port as they may stand in a script: nothing of it means anything to a shell. */
const PLAIN_HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

const ANY_HOST = ['0.0.0.0', '::'];

/** Where people and programs reach this installation. */
@Injectable()
export class ServerAddress {
  constructor(
    private readonly config: HttpConfig,
    private readonly adapter: HttpAdapterHost,
  ) {}

  /** PUBLIC_URL, or what HOST and PORT make, without a slash at its end. */
  get url(): string {
    return this.config.public_url === '' ? this.own() : this.config.public_url.replace(/\/+$/, '');
  }

  /**
   * The address that the caller reached us under, which works for machines beside it: PUBLIC_URL when it is that one, and
   * otherwise the host as it was named, which ALLOWED_HOSTS has let pass.
   */
  askedUnder(request: Request): string {
    const host = request.headers.host ?? '';
    const { public_url } = this.config;
    if (!PLAIN_HOST.test(host) || (public_url !== '' && new URL(public_url).host === host.toLowerCase()))
      return this.url;
    return `${request.protocol}://${host}`;
  }

  /** Made of HOST and the port that is listened on, which the system may have chosen. */
  private own(): string {
    const server = this.adapter.httpAdapter.getHttpServer() as Server;
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : this.config.port;
    const host = ANY_HOST.includes(this.config.host) ? '127.0.0.1' : this.config.host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
  }
}
