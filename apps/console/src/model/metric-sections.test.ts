import { expect, it } from 'vitest';
import { metricSections, scalarText, wordsOf } from './metric-sections.ts';

it('shows a value with its interval, and a number at four digits', () => {
  expect(scalarText({ value: 0.83123, low: 0.826, high: 0.836 })).toBe('0.8312 (0.826 to 0.836)');
  expect(scalarText(1552210)).toBe('1,552,210');
  expect(scalarText({ auroc: 1 })).toBeNull();
});

it('makes rows, tables and sections of whatever a trainer wrote', () => {
  const section = metricSections('Metrics', { auroc: 0.8, bySite: [{ site: 'A', n: 3 }, { site: 'B' }], ablations: { timingOnly: { auroc: 0.7 }, physiologyOnly: { auroc: 0.6 } }, deep: { one: { two: 1 } } });
  expect(section.rows).toEqual([{ name: 'auroc', text: '0.8' }]);
  expect(section.tables).toEqual([
    { title: 'by site', head: ['site', 'n'], rows: [['A', '3'], ['B', '']] },
    { title: 'ablations', head: ['group', 'auroc'], rows: [['timing only', '0.7'], ['physiology only', '0.6']] },
  ]);
  expect(section.sections.map(({ title }) => title)).toEqual(['deep']);
});

it('spreads the figures of a group over its row', () => {
  const { tables } = metricSections('Metrics', { subgroups: [{ by: 'sex', n: 5, metrics: { auroc: { estimate: 0.8, low: 0.7, high: 0.9 } } }] });
  expect(tables).toEqual([{ title: 'subgroups', head: ['by', 'n', 'auroc'], rows: [['sex', '5', '0.8 (0.7 to 0.9)']] }]);
});

it('ends on a value that holds itself', () => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  expect(metricSections('Metrics', loop).sections).toHaveLength(1);
});

it('reads names as words', () => {
  expect(['alertsPer100PatientDays', 'auroc_ab', 'AUPRC', 'bySite'].map(wordsOf)).toEqual(['alerts per 100 patient days', 'auroc ab', 'AUPRC', 'by site']);
});
