import { reduceStay } from '@primum/record';
import { staysOf, type MessageContext } from './message-context.ts';
import type { StayState } from './record-state.ts';

/** The stay of a patient that goes on now, the newest where several do; for what comes without a visit. */
export function openStayOf(context: MessageContext, rootId: string): StayState | undefined {
  let open: { stay: StayState; admittedAt: number } | undefined;
  for (const stay of staysOf(context, rootId)) {
    const { status, admittedAt } = reduceStay(stay.events);
    if (status === 'in-progress' && (open === undefined || (admittedAt ?? 0) > open.admittedAt)) open = { stay, admittedAt: admittedAt ?? 0 };
  }
  return open?.stay;
}
