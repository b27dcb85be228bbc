import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { AddressRefused } from './git.errors.js';

/** Networks a clone URL must not lead to: otherwise it would read what only this host may reach. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  // Forms that carry an IPv4 address inside: the first ones ever, translators and 6to4. Of ::ffff:0:0/96 the address
  // inside is judged; as a network of this list it would stand for all of IPv4.
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6');

/** Whether an IP address is private, loopback, link-local, multicast or reserved. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  // What is no address cannot be judged, so it is not let through.
  return family === 0 || PRIVATE.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

export type Resolve = (host: string) => Promise<readonly string[]>;

const resolveByHost: Resolve = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/**
 * Addresses of the host of a URL, every one of them public. Throws AddressRefused, or the resolver's error when the
 * name is not known.
 */
export async function publicAddresses(url: string, resolve: Resolve = resolveByHost): Promise<readonly string[]> {
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  if (addresses.length === 0 || addresses.some(isPrivateAddress)) throw new AddressRefused();
  return addresses;
}

/**
 * Settings that bind git to the addresses that were judged: a name that is resolved again might lead elsewhere, and
 * so might a redirect. For ssh there is none; there only hosts that the operator has made known are spoken to.
 */
export function pinned(url: string, addresses: readonly string[]): Record<string, string> {
  const { hostname, port, protocol } = new URL(url);
  if (protocol !== 'https:') return {};
  const list = addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address)).join(',');
  return {
    'http.followRedirects': 'false',
    'http.curloptResolve': `${hostname}:${port || '443'}:${list}`,
  };
}
