/**
 * The connection to the event stream as one state machine.
 *
 * `connecting` until the first word comes. `open` while words come: the stream beats every few seconds, so silence
 * past `silenceLimitMs` means that the line is dead even where the socket hasn't noticed (a laptop that slept, a
 * switch that died). `lost` from then on, and remembers when the last word came, since that is what the screen's
 * values are as old as. Retries wait longer each time, up to a bound.
 */
export type ConnectionState =
  | { status: 'connecting'; attempt: number }
  | { status: 'open'; heardAtMs: number }
  | { status: 'lost'; heardAtMs: number | null; attempt: number };

/** All times are this machine's clock, in ms. */
export type ConnectionEvent =
  | { type: 'heard'; atMs: number }
  | { type: 'failed' }
  | { type: 'tick'; atMs: number };

export const silenceLimitMs = 10_000;
const longestWaitMs = 15_000;

export const firstConnection: ConnectionState = { status: 'connecting', attempt: 0 };

export function nextConnection(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (event.type) {
    case 'heard':
      return { status: 'open', heardAtMs: event.atMs };
    case 'failed':
      return { status: 'lost', heardAtMs: heardAt(state), attempt: state.status === 'open' ? 1 : state.attempt + 1 };
    case 'tick':
      if (state.status !== 'open' || event.atMs - state.heardAtMs <= silenceLimitMs) return state;
      return { status: 'lost', heardAtMs: state.heardAtMs, attempt: 1 };
  }
}

/** How long to wait before the nth try to connect again: 1, 2, 4, 8, then 15 s. */
export function waitBeforeRetryMs(attempt: number): number {
  return Math.min(1000 * 2 ** Math.max(0, attempt - 1), longestWaitMs);
}

function heardAt(state: ConnectionState): number | null {
  return state.status === 'connecting' ? null : state.heardAtMs;
}
