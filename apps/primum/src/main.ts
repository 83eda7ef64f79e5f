import { asPrimumError, PrimumError } from '@primum/base';
import { usage } from './cli/usage.ts';

type Command = (args: readonly string[]) => Promise<void>;

/** Each command is loaded when it is asked for: `primum replay` need not wait for the web server's code. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./cli/up.ts')).up,
  import: async () => (await import('./cli/import.ts')).importStays,
  train: async () => (await import('./cli/train.ts')).train,
  replay: async () => (await import('./cli/replay.ts')).replay,
  agreement: async () => (await import('./cli/agreement.ts')).agreement,
  evidence: async () => (await import('./cli/evidence.ts')).evidence,
  breach: async () => (await import('./cli/breach.ts')).breach,
  lineage: async () => (await import('./cli/lineage.ts')).lineage,
  quarantine: async () => (await import('./cli/quarantine.ts')).quarantine,
  source: async () => (await import('./cli/source.ts')).source,
  device: async () => (await import('./cli/device.ts')).device,
  keys: async () => (await import('./cli/keys.ts')).keys,
  terminology: async () => (await import('./cli/terminology.ts')).terminology,
  fhir: async () => (await import('./cli/fhir.ts')).fhir,
  hl7: async () => (await import('./cli/hl7.ts')).hl7,
  user: async () => (await import('./cli/user.ts')).user,
  erase: async () => (await import('./cli/erase.ts')).erase,
  retention: async () => (await import('./cli/retention.ts')).retention,
  backup: async () => (await import('./cli/backup.ts')).backup,
  restore: async () => (await import('./cli/restore.ts')).restore,
  client: async () => (await import('./cli/client.ts')).client,
  policy: async () => (await import('./cli/policy.ts')).policy,
  audit: async () => (await import('./cli/audit.ts')).audit,
  verify: async () => (await import('./cli/verify.ts')).verify,
};

/** What Node says of a command line quotes it, and a command line may hold a person's name. */
const usageFaults: Readonly<Record<string, string>> = {
  ERR_PARSE_ARGS_UNKNOWN_OPTION: 'there is no such option', ERR_PARSE_ARGS_INVALID_OPTION_VALUE: 'an option lacks its value, or takes none', ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL: 'there is an argument too many',
};

const [name = 'help', ...args] = process.argv.slice(2);
if (['help', '--help', '-h'].includes(name) || args.includes('--help')) {
  console.log(usage);
  process.exit(0);
}
const load = commands[name];
try {
  if (load === undefined) throw new PrimumError('config.usage', 'there is no such command');
  await (await load())(args);
} catch (error) {
  const known = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
    ? new PrimumError('config.usage', usageFaults[String(error.code)] ?? 'the options are not valid')
    : asPrimumError(error, 'internal.bug');
  console.error(`primum: [${known.code}] ${known.message}`);
  console.error(known.action);
  if (known.code === 'internal.bug' && process.env['PRIMUM_DEBUG'] !== undefined) console.error(error);
  process.exit(known.code === 'config.usage' ? 64 : 1);
}
