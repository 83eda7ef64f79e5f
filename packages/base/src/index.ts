export { PrimumError, asPrimumError, assert } from './errors.ts';
export { systemClock, manualClock, type Clock } from './clock.ts';
export { uuidv7 } from './ids.ts';
export { isLoopbackHost } from './loopback.ts';
export { muteConsole } from './mute-console.ts';
export { epochOf } from './epoch-of.ts';
export { canonicalJson } from './canonical-json.ts';
export { createLog, silentLog, errorFields, logFieldNames, type Log, type LogFields, type LogLevel } from './log.ts';
export { jsonShape, type JsonShape } from './json-shape.ts';
