import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { modelQuery } from '../api/queries.ts';
import { ModelDecisionsPanel } from '../rights/model-decisions-panel.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Markdown } from './markdown.tsx';
import { metricSections, type MetricSection } from './metric-sections.ts';
import styles from './model.module.css';

/** The model that is served: its card and its out-of-fold figures. */
export function ModelPage() {
  const { data, error } = useQuery(modelQuery);
  const metrics = useMemo(() => (data === undefined ? null : metricSections('Metrics', data.metrics)), [data]);
  if (data === undefined) return <div className={styles['page']}>{error === null ? 'Loading the model …' : <FailureNote error={error} title="The model could not be loaded" />}</div>;
  return (
    <div className={styles['page']}>
      <div className={styles['title']}>
        <h1>{data.name} {data.version}</h1>
        <span className="quiet">made {data.createdAt.slice(0, 10)}</span>
        <span className="mono quiet">{data.digest}</span>
      </div>
      <ModelDecisionsPanel />
      <section className="panel" aria-label="Model card"><Markdown text={data.cardMarkdown} /></section>
      {metrics !== null && <section className="panel" aria-label="Metrics"><MetricsView section={metrics} level={2} /></section>}
    </div>
  );
}

function MetricsView({ section: { title, rows, tables, sections }, level }: { section: MetricSection; level: number }) {
  return (
    <div className={styles['metrics']}>
      {level === 2 ? <h2>{title}</h2> : <h3>{title}</h3>}
      {rows.length > 0 && (
        <table className="data-table" aria-label={title}>
          <tbody>{rows.map(({ name, text }) => <tr key={name}><th scope="row">{name}</th><td>{text}</td></tr>)}</tbody>
        </table>
      )}
      {tables.map((table) => (
        <table key={table.title} className="data-table">
          <caption>{table.title}</caption>
          <thead><tr>{table.head.map((cell) => <th key={cell} scope="col">{cell}</th>)}</tr></thead>
          <tbody>{table.rows.map((row, index) => <tr key={`${index} ${row.join()}`}>{row.map((cell, column) => <td key={table.head[column]}>{cell}</td>)}</tr>)}</tbody>
        </table>
      ))}
      {sections.map((section) => <MetricsView key={section.title} section={section} level={level + 1} />)}
    </div>
  );
}
