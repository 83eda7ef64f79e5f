import type { SiteView } from '@primum/contract';
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { anchorOf, wardTimeAt, type ClockAnchor } from './ward-clock.ts';

const WardClockContext = createContext<{ nowMs: number; anchor: ClockAnchor } | null>(null);

/** Lets everything beneath it count ages on the ward's clock, once a second, whether or not answers come. */
export function WardClockProvider({ site, receivedAtMs, children }: { site: SiteView; receivedAtMs: number; children: ReactNode }) {
  const anchor = useMemo(() => anchorOf(site, receivedAtMs), [site, receivedAtMs]);
  const [wallMs, setWallMs] = useState(() => Date.now());
  useEffect(() => {
    const ticking = setInterval(() => setWallMs(Date.now()), 1000);
    return () => clearInterval(ticking);
  }, []);
  const value = useMemo(() => ({ nowMs: wardTimeAt(anchor, Math.max(wallMs, anchor.wallMs)), anchor }), [anchor, wallMs]);
  return <WardClockContext value={value}>{children}</WardClockContext>;
}

/** The ward's time in ms. */
export function useWardNow(): number {
  return useWardClock().nowMs;
}

export function useWardClock(): { nowMs: number; anchor: ClockAnchor } {
  const clock = useContext(WardClockContext);
  if (clock === null) throw new Error('no ward clock around this component');
  return clock;
}
