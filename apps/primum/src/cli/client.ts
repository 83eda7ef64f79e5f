import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { addClient, isPurpose, listClients, mintSystemPrincipal, setClientDisabled, type NewClient, type Purpose } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, osUser, withCore } from './settings.ts';

const usage = 'primum client list | add ID --name NAME --scopes "…" (--redirect URL… [--launch URL] | --service [--purpose TREAT|HOPERAT|PUBHLTH|HRESCH…]) [--jwks FILE | --jwks-uri URL] [--certificate FILE.pem] | disable ID | enable ID';

/** SMART apps and service accounts. */
export async function client(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: {
      home: { type: 'string' }, name: { type: 'string' }, scopes: { type: 'string' }, redirect: { type: 'string', multiple: true }, launch: { type: 'string' }, service: { type: 'boolean' },
      purpose: { type: 'string', multiple: true }, jwks: { type: 'string' }, 'jwks-uri': { type: 'string' }, certificate: { type: 'string' },
    },
  });
  const [verb, id] = positionals;
  await withCore(homeOf(values.home), async (core) => {
    const by = mintSystemPrincipal(`cli:${osUser()}`);
    if (verb === 'list') {
      for (const one of await listClients(core.db, tenant)) {
        console.log(`${one.id.padEnd(24)} ${one.kind.padEnd(8)} ${one.disabledAt === null ? 'enabled ' : 'disabled'} ${one.name}  ${one.scopes.join(' ')}`);
      }
    } else if (verb === 'add' && id !== undefined && values.name !== undefined && values.scopes !== undefined) {
      const added: NewClient = {
        id, name: values.name, kind: values.service === true ? 'service' : 'app', scopes: values.scopes.split(/\s+/).filter((scope) => scope !== ''),
        purposes: values.service === true ? (values.purpose ?? ['TREAT']).map(purposeIn) : [],
        redirectUris: values.redirect ?? [], launchUrl: values.launch ?? null, jwksUri: values['jwks-uri'] ?? null,
        jwks: values.jwks === undefined ? null : jwksIn(values.jwks), certificateFingerprint: values.certificate === undefined ? null : fingerprintOf(values.certificate),
      };
      await addClient(core, tenant, by, added);
      console.log(`${id} is registered.`);
    } else if ((verb === 'disable' || verb === 'enable') && id !== undefined) {
      await setClientDisabled(core, tenant, by, id, verb === 'disable');
      console.log(`${id} is ${verb}d.`);
    } else throw new PrimumError('config.usage', usage);
  });
}

function purposeIn(text: string): Purpose {
  if (!isPurpose(text)) throw new PrimumError('config.usage', '--purpose: a code of v3 PurposeOfUse');
  return text;
}

function jwksIn(file: string): NonNullable<NewClient['jwks']> {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof parsed !== 'object' || parsed === null || !('keys' in parsed) || !Array.isArray(parsed.keys)) throw new PrimumError('client.invalid', 'jwks: a JWK set');
  return { keys: parsed.keys };
}

function fingerprintOf(file: string): string {
  return new X509Certificate(readFileSync(file)).fingerprint256.replaceAll(':', '').toLowerCase();
}
