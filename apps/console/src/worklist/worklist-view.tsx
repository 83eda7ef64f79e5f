import { Button, SegmentedControl, Switch, TextInput } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { Worklist } from '@primum/contract';
import { useMemo, useRef, useState } from 'react';
import { useAlertActions, type AlertAction } from '../alerts/alert-actions.tsx';
import { riskCaption } from '../risk/format-risk.ts';
import { readWorklistSearch } from '../route-search.ts';
import { useSession } from '../shell/use-session.ts';
import { useKeys } from '../ui/use-keys.ts';
import { chooseRows } from './choose-rows.ts';
import { useFrozenRows } from './use-frozen-rows.ts';
import { WorklistTable } from './worklist-table.tsx';
import styles from './worklist.module.css';

export function WorklistView({ worklist }: { worklist: Worklist }) {
  const { order = 'rank', mine = false } = useSearch({ from: '/signed-in/worklist' });
  const navigate = useNavigate({ from: '/worklist' });
  const session = useSession();
  const actions = useAlertActions();
  const [text, setText] = useState('');
  const finder = useRef<HTMLInputElement>(null);

  const rows = useMemo(
    () => chooseRows(worklist.rows, { order, mine, text }, [session.displayName, session.username]),
    [worklist.rows, order, mine, text, session.displayName, session.username],
  );
  const { shown, waiting, release, listProps } = useFrozenRows(rows, `${order} ${mine} ${text} ${worklist.site.code}`);

  const setOrder = (next: 'rank' | 'bed'): void => void navigate({ search: (search) => readWorklistSearch({ ...search, order: next }), replace: true });
  const setMine = (next: boolean): void => void navigate({ search: (search) => readWorklistSearch({ ...search, mine: next }), replace: true });
  const act = (action: AlertAction): void => {
    const row = worklist.rows.find(({ stayId }) => stayId === focusedStay());
    if (row !== undefined && row.alert !== null) actions.start(action, { name: row.identity.name, bed: row.bed, alert: row.alert });
  };
  useKeys({
    j: () => moveFocus(1),
    k: () => moveFocus(-1),
    a: () => act('acknowledge'),
    s: () => act('snooze'),
    b: () => setOrder(order === 'bed' ? 'rank' : 'bed'),
    r: release,
    '/': () => finder.current?.focus(),
  });

  return (
    <>
      <div className={styles['toolbar']}>
        <h1>{worklist.summary}</h1>
        <span className={styles['waiting']} role="status">{waiting !== null && <Button variant="default" size="compact-sm" onClick={release}>{waiting}</Button>}</span>
        <TextInput ref={finder} size="xs" aria-label="Find by name, bed or MRN" placeholder="Name, bed or MRN  /" value={text} onChange={(event) => setText(event.currentTarget.value)} onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()} />
        <SegmentedControl size="xs" aria-label="Order" value={order} onChange={(value) => setOrder(value === 'bed' ? 'bed' : 'rank')} data={[{ value: 'rank', label: 'Urgency' }, { value: 'bed', label: 'Bed' }]} />
        <Switch size="xs" label="Mine" checked={mine} onChange={(event) => setMine(event.currentTarget.checked)} />
      </div>
      <div {...listProps}>
        <WorklistTable
          shown={shown}
          thresholds={worklist.model?.thresholds}
          caption={`Risk: ${riskCaption}. Log scale; the ticks are the alert thresholds.`}
          empty={worklist.rows.length === 0 ? 'Patients of your units stand here from their admission (ADT A01) to their discharge (ADT A03).' : mine ? 'No alert is yours.' : 'Nobody matches.'}
        />
      </div>
    </>
  );
}

const focusedStay = (): string | undefined => document.activeElement?.closest<HTMLElement>('[data-stay]')?.dataset['stay'];

/** Moves the focus to the next or the previous patient; from outside, to the first or the last. */
function moveFocus(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-stay]:not([data-gone])')];
  const at = rows.findIndex(({ dataset }) => dataset['stay'] === focusedStay());
  const next = at === -1 ? rows.at(step === 1 ? 0 : -1) : rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  next?.querySelector('a')?.focus();
}
