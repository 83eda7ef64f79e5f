import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isLoopbackHost, muteConsole, PrimumError } from '@primum/base';
import { parseVerifierKey, type Witness } from '@primum/trust';
import type { BackupSchedule } from '../backup/start-backups.ts';
import { bootPrimum, type Primum } from '../boot.ts';
import type { MqttSettings } from '../devices.ts';
import { wantedMode } from '../mode.ts';
import { transportOf, transportOptions } from '../transport.ts';
import { homeOf, openLog, wholeNumber } from './settings.ts';

const say = (line: string): void => { process.stdout.write(`${line}\n`); };
const spinner = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'];

/** On a terminal one line that is rewritten; elsewhere a line a stage. */
function progress(): { stage(name: string): void; end(): void } {
  const startedAt = performance.now();
  const terminal = process.stdout.isTTY;
  let current = '';
  let turn = 0;
  const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(1);
  const draw = (): void => {
    turn += 1;
    process.stdout.write(`\r\x1b[K${spinner[turn % spinner.length]} ${current} (${seconds()} s)`);
  };
  const timer = terminal ? setInterval(draw, 120) : undefined;
  return {
    stage(name) {
      current = name;
      if (terminal) draw();
      else say(`${seconds().padStart(5)} s  ${name}`);
    },
    end() {
      clearInterval(timer);
      if (terminal) process.stdout.write('\r\x1b[K');
    },
  };
}

export async function up(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      home: { type: 'string' }, 'http-port': { type: 'string' }, 'mllp-port': { type: 'string' }, speed: { type: 'string' },
      'backup-dir': { type: 'string' }, 'backup-every': { type: 'string' }, 'backup-keep': { type: 'string' }, 'key-backup-dir': { type: 'string' }, 'key-backup-days': { type: 'string' },
      ...transportOptions, 'mqtt-port': { type: 'string' }, 'mqtt-broker': { type: 'string' }, 'mqtt-share': { type: 'string' }, 'no-ward': { type: 'boolean' }, 'checkpoint-dir': { type: 'string', multiple: true }, 'audit-years': { type: 'string' }, witness: { type: 'string', multiple: true }, production: { type: 'boolean' }, 'no-console': { type: 'boolean' },
    },
  });
  const home = homeOf(values.home);
  const databaseUrl = process.env['DATABASE_URL'];
  const mode = wantedMode(process.env, values.production === true);
  const httpPort = wholeNumber('http-port', values['http-port'], 0, 65_535);
  const mllpPort = wholeNumber('mllp-port', values['mllp-port'], 0, 65_535);
  const mqtt = mqttOf(values, process.env);
  const backups = backupsOf(values);
  const auditYears = wholeNumber('audit-years', values['audit-years'], 6, 100);
  const shown = progress();
  const unmute = muteConsole();
  let primum: Primum;
  try {
    primum = await bootPrimum({
      home, log: openLog(home), onStage: (name) => shown.stage(name), console: values['no-console'] !== true, transport: transportOf(values),
      wardRate: values['no-ward'] === true ? null : wholeNumber('speed', values.speed, 1, 3_600) ?? 60,
      ...(auditYears === undefined ? {} : { auditYears }),
      checkpointDirectories: (values['checkpoint-dir'] ?? []).map((directory) => resolve(directory)), witnesses: (values.witness ?? []).map(witnessOf),
      ...(mqtt === undefined ? {} : { mqtt }), ...(backups === undefined ? {} : { backups }), ...(mode === undefined ? {} : { mode }), ...(databaseUrl === undefined ? {} : { databaseUrl }), ...(httpPort === undefined ? {} : { httpPort }), ...(mllpPort === undefined ? {} : { mllpPort }),
    });
  } catch (error) {
    unmute(); // whoever started it is told why it does not run
    throw error;
  } finally {
    shown.end();
  }
  greet(primum, home);
  await untilStopped(primum);
}

/** `VERIFIER_KEY@URL`, as its operator publishes both; beyond this machine by TLS. */
function witnessOf(text: string): Witness {
  const [, keyText = '', url = ''] = /^([^@]+)@(https?:\/\/.+)$/.exec(text) ?? [];
  const key = parseVerifierKey(keyText);
  if (key === undefined || !URL.canParse(url)) throw new PrimumError('config.usage', '--witness takes VERIFIER_KEY@URL');
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' && !isLoopbackHost(hostname)) throw new PrimumError('net.plaintext-refused', `the witness at ${hostname}`);
  return { url, key };
}

/** `--backup-every` in minutes, a day unless said otherwise. */
function backupsOf(values: Partial<Record<'backup-dir' | 'backup-every' | 'backup-keep' | 'key-backup-dir' | 'key-backup-days', string>>): BackupSchedule | undefined {
  const directory = values['backup-dir'];
  if (directory === undefined) return undefined;
  const minutes = wholeNumber('backup-every', values['backup-every'], 1, 10_080) ?? 1_440;
  return {
    directory, everyMs: minutes * 60_000, keep: wholeNumber('backup-keep', values['backup-keep'], 1, 10_000) ?? 14,
    keyDirectory: values['key-backup-dir'], keyDays: wholeNumber('key-backup-days', values['key-backup-days'], 1, 3_650),
  };
}

/** A listener, the hospital's broker, or neither. A broker's user stands in the environment, where no list of processes shows it. */
function mqttOf(values: Partial<Record<'mqtt-port' | 'mqtt-broker' | 'mqtt-share', string>>, environment: NodeJS.ProcessEnv): MqttSettings | undefined {
  const port = wholeNumber('mqtt-port', values['mqtt-port'], 0, 65_535);
  const url = values['mqtt-broker'];
  if (url !== undefined && (!URL.canParse(url) || !/^mqtts?:$/.test(new URL(url).protocol))) throw new PrimumError('config.usage', '--mqtt-broker takes mqtts://HOST[:PORT], or mqtt:// on this machine');
  const share = values['mqtt-share'];
  if (share !== undefined && !/^[A-Za-z0-9_.-]{1,64}$/.test(share)) throw new PrimumError('config.usage', '--mqtt-share takes a name');
  if (port === undefined && url === undefined) return undefined;
  const { PRIMUM_MQTT_USER: username, PRIMUM_MQTT_PASSWORD: password } = environment;
  return {
    ...(port === undefined ? {} : { port }),
    ...(url === undefined ? {} : { broker: { url, ...(share === undefined ? {} : { sharedGroup: share }), ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) } }),
  };
}

function greet(primum: Primum, home: string): void {
  const what = primum.core.mode === 'demonstration' ? 'a demonstration, not for clinical use' : 'production; its model is a demonstration, not for clinical use';
  // By its name: passkeys work at no IP address.
  const address = primum.url.replace('127.0.0.1', 'localhost');
  const listener = primum.listeners.find(({ protocol }) => protocol === 'mllp');
  const mllp = `mllp${listener?.tls === true ? 's' : ''}://${listener?.host}:${primum.mllpPort}`;
  const mqtt = primum.listeners.find(({ protocol }) => protocol === 'mqtt');
  const devices = mqtt === undefined ? '' : `  MQTT     mqtt${mqtt.tls ? 's' : ''}://${mqtt.host}:${mqtt.port}\n`;
  say(`\nPrimum is ready: ${what}.\n\n  Console  ${address}\n  HL7 v2   ${mllp}\n${devices}  Data     ${home}\n`);
  if (primum.seeded.length > 0) {
    say('Sign-ins, shown this once (primum user reset NAME makes a new password):\n');
    for (const { username, displayName, password } of primum.seeded) say(`  ${displayName.padEnd(22)} ${username.padEnd(12)} ${password}`);
    say('');
  }
  say('Ctrl-C stops it.\n');
}

/** Shows the line of figures until a signal; the first stops cleanly, a second at once. */
async function untilStopped(primum: Primum): Promise<void> {
  let stopping = false;
  const show = async (): Promise<void> => {
    const figures = await primum.figures().catch(() => undefined);
    if (figures === undefined || stopping) return;
    const ms = (value: number | null): string => (value === null ? '–' : `${Math.round(value)} ms`);
    const line = `messages in ${figures.messagesIn} · waiting ${figures.waiting} · quarantined ${figures.quarantined} · predictions ${figures.predictions} · p50 ${ms(figures.p50Ms)} · p99 ${ms(figures.p99Ms)}`;
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
  const timer = setInterval(() => void show(), process.stdout.isTTY ? 1_000 : 10_000);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (stopping) process.exit(130);
        stopping = true;
        resolve();
      });
    }
  });
  clearInterval(timer);
  say('\nStopping …');
  await primum.stop();
  say('Stopped; the data is kept.');
  process.exit(0);
}
