import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonShape, type Clock } from '@primum/base';
import { createFileKeyStore } from './file-key-store.ts';
import type { KeyStore } from './key-store.ts';
import { openKeys, type Keys } from './keys.ts';
import { masterKeysBeside, masterKeysFromFile } from './master-key-files.ts';
import type { MasterKeySource } from './master-keys.ts';
import { masterKeysByTransit } from './transit-master-keys.ts';
import { createVaultClient, type VaultAuth } from './vault-client.ts';
import { createVaultKeyStore } from './vault-key-store.ts';

const shape = jsonShape('config.invalid');

/**
 * Opens the keys of a home as its `keys.json` says (docs/keys.md); without one, files beside a master key in `keys/`.
 * It stands in the home and not in the environment, so that a command beside a running Primum opens the same store.
 * `PRIMUM_MASTER_KEY_FILE` names a master key file from outside, before whatever `keys.json` says of it.
 */
export async function openConfiguredKeys(home: string, options: { tenants: readonly number[]; clock?: Clock; masterKeyFile?: string | undefined }): Promise<Keys> {
  const directory = join(home, 'keys');
  const file = join(home, 'keys.json');
  const settings = existsSync(file) ? shape.object(parsed(file), 'keys.json') : {};
  const at = settings['vault'] === undefined ? undefined : vaultOf(settings['vault']);
  const store = shape.oneOf(settings['store'] ?? 'files', ['files', 'vault'], 'keys.json store') === 'files' ? createFileKeyStore(directory) : needed(at).store;
  const masterKeyFile = options.masterKeyFile ?? (settings['masterKeyFile'] === undefined ? undefined : shape.text(settings['masterKeyFile'], 'keys.json masterKeyFile'));
  return openKeys({
    directory, store, tenants: options.tenants, ...(options.clock === undefined ? {} : { clock: options.clock }),
    masters: masterKeyFile !== undefined ? masterKeysFromFile(masterKeyFile) : settings['master'] === 'transit' ? needed(at).masters(store) : masterKeysBeside(directory),
  });
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw shape.invalid('keys.json cannot be read as JSON');
  }
}

type At = { store: KeyStore; masters(store: KeyStore): MasterKeySource };

function needed(at: At | undefined): At {
  if (at === undefined) throw shape.invalid('keys.json names no vault');
  return at;
}

function vaultOf(value: unknown): At {
  const vault = shape.object(value, 'keys.json vault');
  const text = (name: string): string => shape.text(vault[name], `keys.json vault.${name}`);
  const optional = (...names: string[]): Record<string, string> => Object.fromEntries(names.filter((name) => vault[name] !== undefined).map((name) => [name, text(name)]));
  const client = createVaultClient({ address: text('address'), auth: authOf(vault['auth']), ...optional('namespace', 'caFile') });
  const { kvMount, prefix, transitKey, transitMount } = optional('kvMount', 'prefix', 'transitKey', 'transitMount');
  return {
    store: createVaultKeyStore(client, { ...(kvMount === undefined ? {} : { mount: kvMount }), ...(prefix === undefined ? {} : { prefix }) }),
    masters: (store) => masterKeysByTransit(client, store, { key: transitKey ?? 'primum', ...(transitMount === undefined ? {} : { mount: transitMount }) }),
  };
}

function authOf(value: unknown): VaultAuth {
  const auth = shape.object(value, 'keys.json vault.auth');
  const text = (name: string): string => shape.text(auth[name], `keys.json vault.auth.${name}`);
  const mount = auth['mount'] === undefined ? {} : { mount: text('mount') };
  const method = shape.oneOf(auth['method'], ['token', 'approle', 'kubernetes'], 'keys.json vault.auth.method');
  if (method === 'token') return { method, tokenFile: text('tokenFile') };
  if (method === 'approle') return { method, credentialsFile: text('credentialsFile'), ...mount };
  return { method, role: text('role'), ...(auth['tokenFile'] === undefined ? {} : { tokenFile: text('tokenFile') }), ...mount };
}
