import type { QualityPage as Quality } from '@primum/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { ConnectionNote } from '../connection/connection-note.tsx';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './quality.module.css';
import { qualityQuery } from './queries.ts';
import { ScoreTrend } from './score-trend.tsx';
import { isLow, scoreText } from './score-words.ts';
import { SilentFeeds } from './silent-feeds.tsx';

type Source = Quality['sources'][number];
type Dimension = keyof Source['scores'];

const dimensions: readonly { id: Dimension; header: string }[] = [
  { id: 'completeness', header: 'Complete' }, { id: 'validity', header: 'Valid' }, { id: 'timeliness', header: 'In time' }, { id: 'consistency', header: 'Consistent' },
];

function ScoreCell({ source, dimension }: { source: Source; dimension: Dimension }) {
  const score = source.scores[dimension];
  return (
    <span className={styles['score']}>
      <ScoreTrend days={source.days.map(({ scores }) => scores[dimension])} />
      <span>{isLow(score) ? <strong className={styles['low']}>{scoreText(score)} low</strong> : scoreText(score)}<br /><span className="quiet">of {score.n}</span></span>
    </span>
  );
}

function heardText({ silentSince, lastReceivedAt, alarmAt }: Source): string {
  if (silentSince !== null) return `silent since ${dateTimeText(silentSince)}`;
  if (lastReceivedAt === null) return 'no message yet';
  return `${dateTimeText(lastReceivedAt)}${alarmAt === null ? '' : `; silent if nothing comes by ${dateTimeText(alarmAt)}`}`;
}

const sourceColumns: Columns<Source> = [
  { id: 'source', header: 'Source', cell: ({ row }) => <><strong>{row.original.source}</strong><br /><span className="quiet">{row.original.site}</span></> },
  { id: 'messages', header: 'Messages', cell: ({ row }) => row.original.messages },
  ...dimensions.map(({ id, header }): Columns<Source>[number] => ({ id, header, cell: ({ row }) => <ScoreCell source={row.original} dimension={id} /> })),
  { id: 'heard', header: 'Last received', cell: ({ row }) => (row.original.silentSince === null ? heardText(row.original) : <strong className="higher">{heardText(row.original)}</strong>) },
];

const actionWords = { pass: 'noted', flag: 'flagged, no model reads it', quarantine: 'message held in quarantine' } as const;

const ruleColumns: Columns<Quality['rules'][number]> = [
  { id: 'found', header: 'Found', cell: ({ row }) => row.original.found },
  { id: 'severity', header: 'Severity', cell: ({ row }) => (row.original.severity === 'error' ? <strong>error</strong> : row.original.severity) },
  { id: 'text', header: 'What', cell: ({ row }) => <>{row.original.text}<br /><span className="mono quiet">{row.original.id}</span></> },
  { id: 'sources', header: 'Where', cell: ({ row }) => row.original.sources.join(', ') },
  { id: 'action', header: 'What becomes of it', cell: ({ row }) => actionWords[row.original.action] },
  { id: 'fix', header: 'How to mend it', cell: ({ row }) => <div className={styles['fix']}>{row.original.fix}</div> },
];

const findingColumns: Columns<Quality['findings'][number]> = [
  { id: 'at', header: 'Found', cell: ({ row }) => dateTimeText(row.original.foundAt) },
  { id: 'source', header: 'Source', cell: ({ row }) => row.original.source },
  { id: 'what', header: 'What', cell: ({ row }) => <>{row.original.text}{row.original.resolvedAt !== null && <><br />heard again {dateTimeText(row.original.resolvedAt)}</>}<br /><span className="quiet">{row.original.fix}</span></> },
  { id: 'code', header: 'Code', cell: ({ row }) => <span className="mono">{row.original.code ?? '—'}</span> },
  { id: 'message', header: 'Message', cell: ({ row }) => <span className="mono">{row.original.messageId ?? '—'}</span> },
];

/** How good the data of each source are, and what to do about it. No value and no patient stands here. */
export function QualityPage() {
  const { data, error } = useQuery(qualityQuery);
  const rules = useMemo(() => (data?.rules ?? []).filter(({ found }) => found > 0), [data]);
  if (data === undefined) return <div className={styles['page']}>{error === null ? 'Loading data quality …' : <FailureNote error={error} title="Data quality could not be loaded" />}</div>;
  return (
    <div className={styles['page']}>
      <h1>Data quality</h1>
      <p className={styles['lead']}>Shares of what came in the last 24 hours, and a bar for each of 14 days (80 to 100 %). {data.rules.length} rules look at it. <Link to="/feeds">Feeds</Link> has what lies in quarantine and codes without a mapping.</p>
      <ConnectionNote />
      {error !== null && <FailureNote error={error} title="What is shown is not the latest" />}
      <SilentFeeds sources={data.sources} />
      <section className="panel"><DataTable caption="Sources" columns={sourceColumns} rows={data.sources} rowId={({ source, site }) => `${site} ${source}`} empty="No source is registered yet: scores appear with its first message." /></section>
      <section className="panel"><DataTable caption="What the rules found in seven days, most first" columns={ruleColumns} rows={rules} rowId={({ id }) => id} empty="No rule found anything in seven days." /></section>
      <section className="panel"><DataTable caption="The newest findings; of one rule, source and hour the first 20 are listed and all are counted" columns={findingColumns} rows={data.findings} rowId={({ id }) => id} empty="Nothing was found." /></section>
    </div>
  );
}
