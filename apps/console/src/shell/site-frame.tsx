import type { ModelSummary, SiteView } from '@primum/contract';
import type { ReactNode } from 'react';
import { useConnection } from '../connection/connection-provider.tsx';
import { wardTimeAt, whenText } from '../time/ward-clock.ts';
import { useWardClock, WardClockProvider } from '../time/ward-now.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Notices } from './notices.tsx';
import { SiteBar } from './site-bar.tsx';
import styles from './site-frame.module.css';
import { useMay } from './use-session.ts';

type Props = { site: SiteView; model: ModelSummary | null; receivedAtMs: number; failure: Error | null; siteChoice?: ReactNode; children: ReactNode };

/**
 * What stands around every page about a ward: its clock and feeds, a suspended model, evidence that was withdrawn, and
 * whether the values still come. Where they don't, everything inside goes grey and keeps counting its age.
 */
export function SiteFrame({ site, model, receivedAtMs, failure, siteChoice, children }: Props) {
  const ageing = useConnection().status === 'lost' || failure !== null;
  const mayAct = useMay('alert.act');
  return (
    <WardClockProvider site={site} receivedAtMs={receivedAtMs}>
      <SiteBar site={site} siteChoice={siteChoice} ageing={ageing} />
      {ageing && <LostBanner receivedAtMs={receivedAtMs} failure={failure} />}
      {model === null && <div className={styles.banner} role="status">No model is loaded: no scores are made. Use NEWS2 and clinical judgement.</div>}
      {model?.suspended === true && (
        <div className={styles.banner} role="alert">
          <strong>The model is suspended{model.suspendedBecause === null ? '' : `: ${model.suspendedBecause}`}.</strong> Scores below are the last that were made. Use NEWS2 and clinical judgement.
        </div>
      )}
      {mayAct && <Notices />}
      <div className={styles.inside} data-ageing={ageing}>{children}</div>
    </WardClockProvider>
  );
}

function LostBanner({ receivedAtMs, failure }: { receivedAtMs: number; failure: Error | null }) {
  const connection = useConnection();
  const { anchor, nowMs } = useWardClock();
  const lost = connection.status === 'lost';
  // What is shown was true until the last answer, or until the last word of the stream that would have told of a change.
  const heardAtMs = Math.max(receivedAtMs, lost ? connection.heardAtMs ?? 0 : 0);
  const since = whenText(wardTimeAt(anchor, heardAtMs), nowMs);
  return (
    <>
      <div className={styles.banner} role="alert">
        <strong>{lost ? `Connection lost since ${since}` : `No new values since ${since}`} — values below are ageing.</strong> Trying again.
      </div>
      {failure !== null && !lost && <FailureNote error={failure} />}
    </>
  );
}
