import type { ServerEvent } from '@primum/contract';
import { firstConnection, nextConnection, waitBeforeRetryMs, type ConnectionEvent, type ConnectionState } from './connection-state.ts';

type Deps = {
  /** Opens the stream; a new one for every try. */
  open: () => EventSource;
  nowMs: () => number;
  onState: (state: ConnectionState) => void;
  onEvent: (event: ServerEvent) => void;
};

const eventTypes: readonly ServerEvent['type'][] = ['hello', 'worklist', 'stay', 'feeds', 'figures', 'reviews', 'beat'];
const tickMs = 1000;

/**
 * Keeps one event stream open until the returned function is called. Retries are our own, not EventSource's: those
 * neither back off nor notice a silent line.
 */
export function followEvents(deps: Deps): () => void {
  let state = firstConnection;
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const move = (event: ConnectionEvent): void => {
    const before = state;
    state = nextConnection(state, event);
    if (state === before) return;
    if (state.status === 'lost') {
      source?.close();
      retry ??= setTimeout(connect, waitBeforeRetryMs(state.attempt));
    }
    if (before.status !== state.status) deps.onState(state);
  };

  const connect = (): void => {
    retry = undefined;
    const opened = deps.open();
    source = opened;
    opened.addEventListener('error', () => {
      if (source === opened) move({ type: 'failed' });
    });
    for (const type of eventTypes) {
      opened.addEventListener(type, (message: MessageEvent<string>) => {
        if (source !== opened) return;
        move({ type: 'heard', atMs: deps.nowMs() });
        deps.onEvent(JSON.parse(message.data) as ServerEvent); // our own server's, whose types the contract gives
      });
    }
  };

  connect();
  const ticking = setInterval(() => move({ type: 'tick', atMs: deps.nowMs() }), tickMs);
  return () => {
    clearInterval(ticking);
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };
}
