import { addresses, list, seconds, secret, text, url, whole } from './readers.js';
import { Variable } from './variable.js';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

/** Whether an address to listen on can be reached from this machine only. */
export const isLoopback = (host: string): boolean => LOOPBACK.includes(host);

/** The HTTP server. */
export class HttpConfig {
  @Variable({
    name: 'HOST',
    about: 'Address the server listens on. Anything but loopback switches mock login off.',
    read: text,
    default: '0.0.0.0',
    development: '127.0.0.1',
  })
  readonly host!: string;

  @Variable({
    name: 'PORT',
    about: 'TCP port the server listens on; 0 takes a free one.',
    read: whole(0, 65535),
    default: 8080,
  })
  readonly port!: number;

  @Variable({
    name: 'PUBLIC_URL',
    about:
      'The address under which people and workers reach the server, and to which GitHub sends people back. Default: required; in development made of HOST and PORT.',
    read: url('http', 'https'),
    development: '',
  })
  readonly public_url!: string;

  @Variable({
    name: 'ALLOWED_HOSTS',
    about:
      'Host names, separated by commas, that a request may name in its Host header beside those of PUBLIC_URL and HOST; `*` allows all.',
    read: list,
    default: [],
  })
  readonly allowed_hosts!: readonly string[];

  @Variable({
    name: 'TRUSTED_PROXIES',
    about:
      'Addresses or ranges, separated by commas, of the proxies in front, whose `X-Forwarded-For` is believed; `loopback` for this machine. Default: none.',
    read: addresses,
    default: [],
  })
  readonly trusted_proxies!: readonly string[];

  @Variable({
    name: 'METRICS_TOKEN',
    about:
      'What Prometheus sends as `Authorization: Bearer` to read /metrics from another machine, at least 32 bytes. Default: nobody may.',
    read: secret,
    default: '',
    secret: true,
  })
  readonly metrics_token!: string;

  @Variable({
    name: 'CORS_ORIGINS',
    about: 'Origins, separated by commas, whose pages may call the API from a browser.',
    read: list,
    default: [],
  })
  readonly cors_origins!: readonly string[];

  @Variable({
    name: 'MAX_CONNECTIONS',
    about: 'Open sockets beyond which new ones are refused.',
    read: whole(10, 1_000_000),
    default: 10_000,
  })
  readonly max_connections!: number;

  @Variable({
    name: 'HEADERS_TIMEOUT_SECONDS',
    about: 'How long a client may take to send its request headers.',
    read: seconds(0.1, 60),
    default: 10,
  })
  readonly headers_timeout_seconds!: number;

  @Variable({
    name: 'BODY_TIMEOUT_SECONDS',
    about: 'How long a client may take to send its request body. Git pushes are measured by silence instead.',
    read: seconds(0.1, 600),
    default: 25,
  })
  readonly body_timeout_seconds!: number;

  @Variable({
    name: 'ANSWER_SECONDS',
    about: 'How long an answer may take, unless it waits by design, before it is a 503.',
    read: seconds(0.1, 600),
    default: 4.7,
  })
  readonly answer_seconds!: number;

  @Variable({
    name: 'SHUTDOWN_SECONDS',
    about: 'How long requests in flight may go on after SIGTERM.',
    read: seconds(0.1, 300),
    default: 8,
  })
  readonly shutdown_seconds!: number;

  /** Whether only this machine can reach the server. */
  get loopback(): boolean {
    return isLoopback(this.host);
  }

  /** The path of PUBLIC_URL, which a proxy in front takes away; empty as a rule. */
  get base_path(): string {
    return this.public_url === '' ? '' : new URL(this.public_url).pathname.replace(/\/+$/, '');
  }

  /** Host names that requests may carry; null when all may. */
  get hostNames(): ReadonlySet<string> | null {
    if (this.allowed_hosts.includes('*')) return null;
    const names = new Set([...this.allowed_hosts.map((name) => name.toLowerCase()), this.host]);
    if (this.public_url !== '') names.add(new URL(this.public_url).hostname);
    if (this.loopback) LOOPBACK.forEach((name) => names.add(name));
    // A server on all addresses is known by names only its operator can tell.
    else if (names.size === 1) return null;
    return names;
  }
}
