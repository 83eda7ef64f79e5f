import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { NewUser, roles, shapeErrors, UserChange, type Role } from '@primum/contract';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { homeOf, osUser, withCore } from './settings.ts';

const help = 'primum user list | add NAME --role ROLE | reset | disable | enable | role | unit | group | factors-reset | unlock | end-sessions NAME';

/** People, administered from this machine: whoever can read the key store may. A running server notices within half a second. */
export async function user(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, role: { type: 'string' }, name: { type: 'string' }, group: { type: 'string', multiple: true }, unit: { type: 'string', multiple: true } },
  });
  const [verb = '', name, ...rest] = positionals;
  await withCore(homeOf(values.home), async (core) => {
    if (verb === 'list') return list(core);
    if (name === undefined) throw new PrimumError('config.usage', help);
    if (verb === 'add') {
      const user = { username: name, displayName: values.name ?? name, role: roleOf(values.role), groups: values.group ?? [], units: values.unit ?? [] };
      assertShape(shapeErrors(NewUser, user));
      const { username, password } = await core.identity.createUser(tenant, by(), user);
      return console.log(`${username}: ${password}`);
    }
    if (verb === 'reset') return console.log(`${name}: ${(await core.identity.resetPassword(tenant, name, by())).password}`);
    const { identity } = core;
    const id = await identity.userIdOf(tenant, name);
    if (verb === 'factors-reset') await identity.resetFactors(tenant, by(), id);
    else if (verb === 'unlock') await identity.unlockUser(tenant, by(), id);
    else if (verb === 'end-sessions') await identity.endSessions(tenant, by(), id);
    else {
      const change = changeOf(verb, rest);
      assertShape(shapeErrors(UserChange, change));
      await identity.changeUser(tenant, by(), id, change);
    }
    console.log(`${name}: done`);
  });
}

const by = () => mintSystemPrincipal(`cli:${osUser()}`);

function changeOf(verb: string, rest: string[]): UserChange {
  if (verb === 'disable' || verb === 'enable') return { disabled: verb === 'disable' };
  if (verb === 'role') return { role: roleOf(rest[0]) };
  if (verb === 'unit') return { units: rest };
  if (verb === 'group') return { groups: rest };
  throw new PrimumError('config.usage', help);
}

function roleOf(text: string | undefined): Role {
  const role = roles.find((one) => one === text);
  if (role === undefined) throw new PrimumError('config.usage', `a role is one of ${roles.join(', ')}`);
  return role;
}

function assertShape(errors: readonly string[]): void {
  if (errors.length > 0) throw new PrimumError('config.usage', errors.join('; '));
}

async function list(core: Core): Promise<void> {
  const { users } = await core.identity.users(tenant, by());
  for (const one of users) {
    const factors = [...(one.totp ? ['totp'] : []), ...(one.passkeys > 0 ? [`${one.passkeys} passkeys`] : [])].join(', ') || 'no second factor';
    const state = one.disabled ? 'disabled' : one.lockedUntil === null ? 'enabled' : 'locked';
    console.log([one.username.padEnd(14), one.role.padEnd(22), state.padEnd(9), factors.padEnd(18), one.displayName, ...one.groups.map((group) => `group:${group}`), ...one.units].join(' '));
  }
}
