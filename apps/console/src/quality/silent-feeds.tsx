import type { QualityPage } from '@primum/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { dateTimeText } from '../time/ward-clock.ts';
import { qualityQuery } from './queries.ts';
import styles from './quality.module.css';

/** Feeds that are silent for longer than is usual at this hour; nothing where there is none. */
export function SilentFeeds({ sources }: { sources: QualityPage['sources'] }) {
  const silent = sources.flatMap(({ source, site, silentSince }) => (silentSince === null ? [] : [{ source, site, silentSince }]));
  if (silent.length === 0) return null;
  return (
    <section className="panel" role="alert">
      <strong className="higher">{silent.length === 1 ? 'One feed is silent' : `${silent.length} feeds are silent`}</strong> for longer than is usual at this hour. Check the sender, the interface engine and the network.
      <ul className={styles['silent']}>{silent.map(({ source, site, silentSince }) => <li key={source}><strong>{source}</strong> at {site}: nothing since {dateTimeText(silentSince)}</li>)}</ul>
    </section>
  );
}

/** For the Feeds page: the silent ones, and the way to all the rest. */
export function QualityNote() {
  const { data } = useQuery(qualityQuery);
  return (
    <>
      {data !== undefined && <SilentFeeds sources={data.sources} />}
      <div><Link to="/quality">Data quality: scores of each source, and what the rules found</Link></div>
    </>
  );
}
