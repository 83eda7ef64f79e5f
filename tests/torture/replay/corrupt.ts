import type { Db } from '@primum/store';

type Target = { id: string; status: string };
/** Alters something that a prediction rests on; resolves with how to put it right, or null where it does not apply. */
type Corruption = (db: Db, target: Target) => Promise<(() => Promise<unknown>) | null>;

const column = (name: string, expression: string): Corruption => async (db, { id }) => {
  const [row] = await db.query<{ was: unknown; changed: boolean }>(`select ${name} as was, (${expression}) is distinct from ${name} as changed from prediction where id = $1`, [id]);
  if (row?.changed !== true) return null;
  await db.query(`update prediction set ${name} = ${expression} where id = $1`, [id]);
  return () => db.query(`update prediction set ${name} = $2 where id = $1`, [id, row.was]);
};

const scoredOnly = (corruption: Corruption): Corruption => async (db, target) => (target.status === 'scored' ? corruption(db, target) : null);

/** Swaps in what is sealed of another prediction; of the same patient where there is one, so that the key would fit. */
const swapSealed: Corruption = async (db, { id }) => {
  const [row] = await db.query<{ own: Buffer; other: Buffer }>(
    `select p.sealed as own, q.sealed as other from prediction p join prediction q on q.id <> p.id where p.id = $1 order by q.patient_id = p.patient_id desc limit 1`, [id]);
  if (row === undefined) return null;
  await db.query('update prediction set sealed = $2 where id = $1', [id, row.other]);
  return () => db.query('update prediction set sealed = $2 where id = $1', [id, row.own]);
};

const flipBit: Corruption = async (db, { id }) => {
  const [row] = await db.query<{ sealed: Buffer }>('select sealed from prediction where id = $1', [id]);
  const altered = Buffer.from(row!.sealed); // the prediction is there: it was drawn from the table
  altered[altered.length >> 1]! ^= 1;
  await db.query('update prediction set sealed = $2 where id = $1', [id, altered]);
  return () => db.query('update prediction set sealed = $2 where id = $1', [id, row!.sealed]);
};

/** The latest heart rate that the score saw; for a reading of two or three values in an hour, far enough to move the median. */
const alterFact: Corruption = async (db, { id }) => {
  const [row] = await db.query<{ patient_id: string; seq: number; n: number; value: number }>(
    `select patient_id, seq, n, value from (
       select distinct on (f.key) f.patient_id, f.seq, f.n, f.value, f.status, f.effective_at, p.as_of
       from prediction p join fact f on f.patient_id = p.patient_id and f.code = '8867-4' and f.seq <= p.pin_seq
       where p.id = $1 order by f.key, f.seq desc, f.n desc
     ) standing where status <> 'retracted' and value is not null and effective_at <= as_of and effective_at > as_of - interval '1 hour'
     order by effective_at desc, seq desc limit 1`, [id]);
  if (row === undefined) return null;
  const set = (value: number): Promise<unknown> => db.query('update fact set value = $4 where patient_id = $1 and seq = $2 and n = $3', [row.patient_id, row.seq, row.n, value]);
  await set(row.value > 150 ? row.value - 60 : row.value + 60);
  return () => set(row.value);
};

export const corruptions: Readonly<Record<string, Corruption>> = {
  'score': scoredOnly(column('probability', 'probability * 0.999999')),
  'log-odds': scoredOnly(column('margin', 'margin + 1e-7')),
  'inputs commitment': column('inputs_commitment', String.raw`set_byte(inputs_commitment, 3, get_byte(inputs_commitment, 3) # 1)`),
  'sealed payload swapped': swapSealed,
  'sealed payload altered': flipBit,
  'fact altered': alterFact,
  'status': column('status', String.raw`case status when 'scored' then 'withheld' else 'scored' end`),
  'tier': column('tier', String.raw`case tier when 'none' then 'watch' else 'none' end`),
  'hour': column('as_of', String.raw`as_of - interval '1 hour'`),
  'patient': column('patient_id', 'stay_id'),
};
