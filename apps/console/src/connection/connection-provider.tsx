import { routes, type ServerEvent } from '@primum/contract';
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { feedsQuery } from '../api/queries.ts';
import { firstConnection, type ConnectionState } from './connection-state.ts';
import { followEvents } from './event-stream.ts';
import { gatherLoads } from './gather-loads.ts';

const ConnectionContext = createContext<ConnectionState>(firstConnection);
export const useConnection = (): ConnectionState => useContext(ConnectionContext);

const pauseBetweenLoadsMs = 400;

/** Holds the event stream while somebody is signed in; an event only names what to load again. */
export function ConnectionProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<ConnectionState>(firstConnection);
  useEffect(() => {
    let wasLost = false;
    const load = gatherLoads((key) => client.invalidateQueries({ queryKey: key.split(' ') }, { cancelRefetch: true }), pauseBetweenLoadsMs);
    return followEvents({
      open: () => new EventSource(routes.events.path),
      nowMs: () => Date.now(),
      onState(next) {
        setState(next);
        // After a gap everything may have changed; while lost, a session that ended is found here.
        if (next.status === 'open' && wasLost) void client.invalidateQueries();
        wasLost = next.status === 'lost';
        if (wasLost) void client.invalidateQueries({ queryKey: ['session'] });
      },
      onEvent: (event) => applyEvent(client, event, load),
    });
  }, [client]);
  return <ConnectionContext value={state}>{children}</ConnectionContext>;
}

function applyEvent(client: QueryClient, event: ServerEvent, load: (key: string) => void): void {
  switch (event.type) {
    case 'worklist':
      load('worklist');
      load('notices');
      return;
    case 'stay':
      load(`stay ${event.stayId}`);
      return;
    case 'feeds':
    case 'reviews':
      load(event.type);
      return;
    case 'figures':
      client.setQueryData(feedsQuery.queryKey, (feeds) => (feeds === undefined ? undefined : { ...feeds, figures: event.figures }));
      return;
    case 'hello':
    case 'beat':
      return;
  }
}
