import type { Server } from 'node:http';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { HttpConfig } from '../config/http.config.js';

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

  /** Made of HOST and the port that is listened on, which the system may have chosen. */
  private own(): string {
    const server = this.adapter.httpAdapter.getHttpServer() as Server;
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : this.config.port;
    const host = ANY_HOST.includes(this.config.host) ? '127.0.0.1' : this.config.host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
  }
}
