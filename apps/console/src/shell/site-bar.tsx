import type { SiteView } from '@primum/contract';
import type { ReactNode } from 'react';
import { dateTimeText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { ClockMark } from '../ui/state-mark.tsx';
import styles from './site-bar.module.css';

/** One line: the site, its clock, whether it is simulated, and its feeds in words (which nobody knows while no answer comes). */
export function SiteBar({ site, siteChoice, ageing }: { site: SiteView; siteChoice: ReactNode; ageing: boolean }) {
  return (
    <div className={styles.bar}>
      {siteChoice ?? <strong>{site.name}</strong>}
      <WardTime />
      {(site.simulated || site.clockRate !== 1) && <strong className={styles.simulation}>SIMULATION {site.clockRate}×</strong>}
      <ul className={styles.feeds} aria-label="Feeds">
        {ageing && <li>feeds: not known while no answer comes</li>}
        {!ageing && site.feeds.map((feed) => (
          <li key={feed.source} data-state={feed.state}>{feed.state !== 'live' && <ClockMark />} {feed.text}</li>
        ))}
      </ul>
    </div>
  );
}

function WardTime() {
  const nowMs = useWardNow();
  return <time className={styles.clock} dateTime={new Date(nowMs).toISOString()} title="The ward's clock, UTC"><span className="unseen">Ward's clock </span>{dateTimeText(nowMs)}</time>;
}
