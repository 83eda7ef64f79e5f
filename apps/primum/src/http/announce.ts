import type { StreamEvent } from '@primum/store';
import type { EventStream } from './event-stream.ts';

/** What consoles are told of a batch of the stream: which lists and stays to load again. */
export function announce(events: EventStream, batch: readonly StreamEvent[]): void {
  const stays = new Set<string>();
  let worklist = false;
  let feeds = false;
  let reviews = false;
  for (const { topic, payload } of batch) {
    if (topic === 'message.received' || topic === 'message.quarantined' || topic === 'feed.changed') feeds = true;
    else if (topic === 'review.changed') reviews = true;
    else worklist = true;
    if (typeof payload === 'object' && payload !== null && 'stayId' in payload && typeof payload.stayId === 'string') stays.add(payload.stayId);
  }
  if (worklist) events.publish({ type: 'worklist' });
  if (feeds) events.publish({ type: 'feeds' });
  if (reviews) events.publish({ type: 'reviews' });
  for (const stayId of stays) events.publish({ type: 'stay', stayId });
}
