/**
 * Logs are allow-listed: a line holds an event's name and fields whose names stand in `logFieldNames`, nothing else.
 * A field outside the list is dropped and counted, so that no patient's value can reach a log by a new call site.
 */
export const logFieldNames = [
  'code', 'component', 'count', 'port', 'address', 'durationMs', 'attempt', 'pid', 'version', 'path', 'signal',
  'messageId', 'predictionId', 'modelDigest', 'source', 'status', 'waiting', 'limit', 'consumer', 'seq', 'tenant', 'stack',
] as const;

export type LogField = (typeof logFieldNames)[number];
export type LogFields = Partial<Record<LogField, string | number | boolean>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = Record<LogLevel, (event: string, fields?: LogFields) => void>;

const allowed: ReadonlySet<string> = new Set(logFieldNames);
const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** NDJSON log; `write` gets one whole line. */
export function createLog(write: (line: string) => void, minimum: LogLevel = 'info'): Log {
  const emit = (level: LogLevel) => (event: string, fields: LogFields = {}): void => {
    if (levels.indexOf(level) < levels.indexOf(minimum)) return;
    const kept: Record<string, unknown> = { time: new Date().toISOString(), level, event };
    let dropped = 0;
    for (const [name, value] of Object.entries(fields)) {
      if (allowed.has(name)) kept[name] = value;
      else dropped += 1;
    }
    if (dropped > 0) kept['fieldsDropped'] = dropped;
    write(`${JSON.stringify(kept)}\n`);
  };
  return { debug: emit('debug'), info: emit('info'), warn: emit('warn'), error: emit('error') };
}

export const silentLog: Log = createLog(() => undefined, 'error');

/** What of an unknown error may be logged: its code and where it arose, never its text (it may quote a value). */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { code: 'unknown' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at ')).slice(0, 6);
  return { code, stack: frames.map((line) => line.trim()).join(' | ') };
}
