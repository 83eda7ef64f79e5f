import { PrimumError } from '@primum/base';
import { normaliseValue, type CodeTable, type Fact } from '@primum/record';
import { encounterCodes } from '../features/encounter-codes.ts';
import { hospitalAdmitAt, icuDischargeAt, physionetColumns, physionetSource, rowEffectiveAt } from './physionet-conventions.ts';
import type { PhysionetStay } from './physionet-stays.ts';

/**
 * A stay as facts, ICU admission at `icuAdmitAt` (ms since the epoch). `seq` runs from 1 in the order of knowing:
 * admission, then row by row; `pins[h]` is the last seq known when hour h has ended.
 */
export function stayToFacts(stay: PhysionetStay, { icuAdmitAt, codes }: { icuAdmitAt: number; codes: CodeTable }): { facts: Fact[]; pins: number[] } {
  const sourceName = physionetSource(stay.id);
  const source = codes.sources.get(sourceName);
  if (source === undefined) throw new PrimumError('features.invalid', `code table without source ${sourceName}`);
  const facts: Fact[] = [];
  let seq = 0;
  const add = (code: string, effectiveAt: number, value: number | null, rest: { text?: string; flag?: NonNullable<Fact['flag']> } = {}): void => {
    seq += 1;
    facts.push({ key: `${sourceName}/${stay.id}/${code}/${effectiveAt}`, code, value, effectiveAt, seq, status: 'final', ...rest });
  };
  const admittedAt = hospitalAdmitAt(icuAdmitAt, stay.hospAdmHours);
  if (stay.ageYears !== null) add(encounterCodes.ageYears, admittedAt, stay.ageYears);
  if (stay.male !== null) add(encounterCodes.sex, admittedAt, stay.male);
  add(encounterCodes.hospitalAdmit, admittedAt, 1);
  add(encounterCodes.icuAdmit, icuAdmitAt, 1);
  if (stay.unit !== null) add(encounterCodes.unit, icuAdmitAt, null, { text: stay.unit });
  const columns = physionetColumns.map((name) => source.columns[name]);
  const pins: number[] = [seq];
  for (const { hour, values } of stay.rows) {
    while (pins.length < hour) pins.push(seq);
    const effectiveAt = rowEffectiveAt(icuAdmitAt, hour);
    for (let index = 0; index < columns.length; index += 1) {
      const column = columns[index];
      const raw = values[index]!;
      if (column === undefined || Number.isNaN(raw)) continue;
      const { value, flag } = normaliseValue(codes, { source: sourceName, code: column.code, value: raw, unit: column.unit });
      add(column.code, effectiveAt, value, flag === undefined ? {} : { flag });
    }
    pins[hour] = seq;
  }
  const lastHour = stay.rows.at(-1)?.hour;
  if (lastHour !== undefined) add(encounterCodes.icuDischarge, icuDischargeAt(icuAdmitAt, lastHour), 1);
  return { facts, pins };
}
