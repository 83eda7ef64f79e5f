import { lookup as resolve, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { isLoopbackHost, PrimumError } from '@primum/base';
import type { SubscriptionWish } from '@primum/record';

/**
 * Where notifications may go. `hosts`: names (`ehr.hospital.example`, `*.hospital.example`) and addresses that may be
 * private, as an operator said. `loopback`: this machine itself, also without TLS.
 */
export type EndpointRules = { hosts: readonly string[]; loopback: boolean };

/** `PRIMUM_SUBSCRIPTION_HOSTS`, comma-separated. This machine itself is a receiver in a demonstration only, or where it is listed. */
export function endpointRules(env: NodeJS.ProcessEnv, demonstration: boolean): EndpointRules {
  const hosts = (env['PRIMUM_SUBSCRIPTION_HOSTS'] ?? '').split(',').map((host) => host.trim().toLowerCase()).filter((host) => host !== '');
  if (hosts.some((host) => !/^(\*\.)?[a-z0-9.:-]+$/.test(host))) throw new PrimumError('config.invalid', 'PRIMUM_SUBSCRIPTION_HOSTS takes host names and addresses');
  return { hosts, loopback: demonstration || hosts.some(isLoopbackHost) };
}

/** Addresses that are not on the public internet (IANA's special-purpose registries, RFC 6890), mapped and translated ones included. */
const notPublic = { 4: new BlockList(), 6: new BlockList() }; // apart: a rule on mapped addresses would hold of every IPv4 one
for (const [net, prefix] of [['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 3]] as const) notPublic[4].addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [['::', 96], ['::ffff:0:0', 96], ['64:ff9b::', 96], ['64:ff9b:1::', 48], ['100::', 64], ['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['fc00::', 7], ['fe80::', 10], ['ff00::', 8]] as const) notPublic[6].addSubnet(net, prefix, 'ipv6');

const bare = (hostname: string): string => hostname.toLowerCase().replace(/^\[|\]$/g, '');

/** Throws subscription.endpoint-refused: https, or http to this machine; no address of a private network that nobody listed. */
export function demandEndpoint(rules: EndpointRules, { endpoint }: Pick<SubscriptionWish, 'endpoint'>): void {
  if (endpoint === null) return;
  const host = bare(endpoint.hostname);
  const refused = (detail: string): PrimumError => new PrimumError('subscription.endpoint-refused', detail);
  if (endpoint.username !== '' || endpoint.password !== '') throw refused('a password in the address');
  if (endpoint.hash !== '') throw refused('a fragment in the address');
  if (isLoopbackHost(host)) {
    if (!rules.loopback || !/^https?:$/.test(endpoint.protocol)) throw refused('this machine itself');
    return;
  }
  if (endpoint.protocol !== 'https:') throw refused('https is asked for');
  if (isIP(host) !== 0 && !mayReach(rules, host, host)) throw refused('an address of a private network');
}

/** Asked of every address that a name resolves to, at the moment of connecting: a name may lead elsewhere since. */
export function mayReach(rules: EndpointRules, hostname: string, address: string): boolean {
  const host = bare(hostname);
  if (isLoopbackHost(host)) return rules.loopback && isLoopbackHost(address);
  if (rules.hosts.some((one) => one === host || (one.startsWith('*.') && host.endsWith(one.slice(1))))) return true;
  const family = isIP(address);
  return family === 4 ? !notPublic[4].check(address, 'ipv4') : family === 6 && !notPublic[6].check(address, 'ipv6');
}

export class AddressRefused extends Error {}

/** `lookup` for a connection (node:net) that gives no address which may not be reached. */
export function lookupWithin(rules: EndpointRules): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return void callback(error, '', 4);
      const [first] = addresses;
      // One that is refused among several is a name that can't be trusted.
      if (first === undefined || !addresses.every(({ address }) => mayReach(rules, hostname, address))) return void callback(new AddressRefused('refused'), '', 4);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
