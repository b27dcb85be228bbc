import { Injectable } from '@nestjs/common';
import { GithubConfig } from '../config/github.config.js';
import { HttpConfig } from '../config/http.config.js';
import { DomainError } from '../domain-error.js';
import { ServerAddress } from './server-address.js';

/** Paths that this server answers itself; all others are those of the frontend. */
const OWN_PATH = /^\/(api|device)(\/|\?|#|$)/;

/** A page of somebody else made a browser send its cookie along. */
export class ForeignOrigin extends DomainError {
  constructor() {
    super('auth/foreign-origin', 'forbidden', 'The cookie is taken from pages of this installation only.');
  }
}

/** Where browsers are sent, and which pages they may come from. None of it ever comes from a request. */
@Injectable()
export class Addresses {
  constructor(
    private readonly server: ServerAddress,
    private readonly http: HttpConfig,
    private readonly github: GithubConfig,
  ) {}

  /** The whole address of an own path, here or at the frontend. */
  of(path: string): string {
    const { frontend_url } = this.github;
    if (OWN_PATH.test(path) || frontend_url === '') return this.server.url + path;
    return frontend_url.replace(/\/+$/, '') + path;
  }

  /** Throws ForeignOrigin unless a browser names a page of this installation, or one in CORS_ORIGINS. */
  assertKnownOrigin(origin: string | undefined): void {
    if (origin === undefined || !this.isKnownOrigin(origin)) throw new ForeignOrigin();
  }

  /** Whether it is that of a page of this installation, or one in CORS_ORIGINS. */
  isKnownOrigin(origin: string): boolean {
    return this.knownOrigins().includes(origin);
  }

  private knownOrigins(): string[] {
    const { public_url, loopback, cors_origins } = this.http;
    const urls = [this.server.url, this.github.frontend_url].filter((address) => address !== '');
    // Without an address of its own, a server on loopback goes by each name of it.
    const names = public_url === '' && loopback ? ['127.0.0.1', 'localhost', '[::1]'] : [];
    const { port } = new URL(this.server.url);
    return [
      ...urls.map((address) => new URL(address).origin),
      ...names.map((name) => new URL(`http://${name}:${port}`).origin),
      ...cors_origins,
    ];
  }
}
