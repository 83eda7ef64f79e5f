import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Sql } from '@primum/store';
import type { AuditVerification, Keys } from '@primum/trust';

export type Log = { tx: Sql; keys: Keys; tenant: number; /** Rows, and the size of the newest checkpoint. */ size: number; pick(n: number): number };

/** Does one alteration and returns the question whether a report names it. */
export type Alteration = (log: Log) => Promise<(report: AuditVerification) => boolean>;

const names = (report: AuditVerification, seq: number, kinds: readonly string[]): boolean =>
  report.findings.some(({ kind, fromSeq, toSeq }) => kinds.includes(kind) && fromSeq <= seq && seq <= toSeq);
const only = (seqs: readonly number[], kinds: readonly string[]) => (report: AuditVerification): boolean =>
  seqs.every((seq) => names(report, seq, kinds)) && report.findings.every(({ fromSeq, toSeq }) => seqs.some((seq) => fromSeq <= seq && seq <= toSeq) && toSeq - fromSeq < seqs.length);

const sha = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
type Row = { id: string; sealed: Buffer; leaf: Buffer };
const rowAt = async ({ tx, tenant }: Log, seq: number): Promise<Row> =>
  (await tx.query<Row>('select id, sealed, leaf from audit_event where tenant = $1 and seq = $2', [tenant, seq]))[0]!;

/** With the tenant's key: an event that opens, says what its columns say and has the leaf that fits it. */
async function forge({ keys, tenant }: Log, { id, sealed }: Row, newId = id): Promise<{ sealed: Buffer; leaf: Buffer }> {
  const content = await keys.open(tenant, sealed, `audit|${id}`);
  const event = content.subarray(16).toString().replaceAll(id, newId).replace('"requestor":true', '"requestor":true,"altId":"x"');
  // altId stands before requestor in canonical order; what opens it only reads it.
  const forged = Buffer.concat([randomBytes(16), Buffer.from(event)]);
  return { sealed: keys.seal(tenant, { kind: 'tenant' }, forged, `audit|${newId}`), leaf: sha(Buffer.from([0]), forged) };
}

/** Computes all tiles anew from the leaves as they stand, as the log itself would have. */
async function recomputeTree({ tx, tenant }: Log): Promise<void> {
  await tx.query('delete from audit_tile where tenant = $1', [tenant]);
  const rows = await tx.query<{ leaf: Buffer }>('select leaf from audit_event where tenant = $1 and seq is not null order by seq, id', [tenant]);
  let hashes = rows.map(({ leaf }) => leaf);
  for (let level = 0; hashes.length >= 256; level += 1) {
    const roots: Buffer[] = [];
    for (let n = 0; (n + 1) * 256 <= hashes.length; n += 1) {
      let row = hashes.slice(n * 256, (n + 1) * 256);
      const tile = Buffer.concat(row);
      while (row.length > 1) row = Array.from({ length: row.length / 2 }, (_, i) => sha(Buffer.from([1]), row[2 * i]!, row[2 * i + 1]!));
      roots.push(row[0]!);
      await tx.query('insert into audit_tile (tenant, level, n, root, hashes) values ($1, $2, $3, $4, $5)', [tenant, level, n, row[0], tile]);
    }
    hashes = roots;
  }
}

const column = (assignment: string): Alteration => async (log) => {
  const seq = 1 + log.pick(log.size);
  await log.tx.query(`update audit_event set ${assignment} where tenant = $1 and seq = $2`, [log.tenant, seq]);
  return only([seq], ['altered']);
};

const copyColumns = 'tenant, seq, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, leaf, sealed';
const withoutUniqueness = (log: Log): Promise<unknown> => log.tx.query('drop index audit_numbered');

/** A row of its own at a number, the later ones moved up or not. */
async function insertAt(log: Log, seq: number, row: { id: string; sealed: Buffer; leaf: Buffer }, like: number): Promise<void> {
  await log.tx.query(
    `insert into audit_event (id, ${copyColumns}) select $3, tenant, $4, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, $5, $6 from audit_event where tenant = $1 and seq = $2 limit 1`,
    [log.tenant, like, row.id, seq, row.leaf, row.sealed],
  );
}

export const alterations: Readonly<Record<string, Alteration>> = {
  'actor changed': column("actor = 'user:somebody'"),
  'action changed': column("action = action || 'x'"),
  'outcome changed': column("outcome = 'serious-failure'"),
  'purpose changed': column("purpose = 'HRESCH'"),
  'time changed': column("recorded_at = recorded_at - interval '1 day'"),
  'patient changed': column('patient_id = gen_random_uuid(), patient_ids = null'),
  'patient added beside': column('patient_id = coalesce(patient_id, gen_random_uuid()), patient_ids = array[gen_random_uuid()]'),
  'body changed': column('sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1)'),
  'body emptied': column("sealed = ''"),
  'leaf changed': column('leaf = set_byte(leaf, 7, get_byte(leaf, 7) # 128)'),
  'id changed': column('id = gen_random_uuid()'),

  'row deleted': async (log) => {
    const seq = 1 + log.pick(log.size);
    await log.tx.query('delete from audit_event where tenant = $1 and seq = $2', [log.tenant, seq]);
    return only([seq], ['removed']);
  },
  'row deleted, gap closed, tree recomputed': async (log) => {
    const seq = 1 + log.pick(log.size);
    await withoutUniqueness(log);
    await log.tx.query('delete from audit_event where tenant = $1 and seq = $2', [log.tenant, seq]);
    await log.tx.query('update audit_event set seq = seq - 1 where tenant = $1 and seq > $2', [log.tenant, seq]);
    await log.tx.query('update audit_head set seq = seq - 1 where tenant = $1', [log.tenant]);
    await recomputeTree(log);
    return (report) => names(report, seq, ['removed']) && report.findings.every(({ kind, fromSeq, by }) => fromSeq === seq || (kind === 'moved' && by === -1));
  },
  'two rows swapped': async (log) => {
    const a = 1 + log.pick(log.size - 1);
    const b = a + 1 + log.pick(log.size - a);
    await withoutUniqueness(log);
    await log.tx.query('update audit_event set seq = case seq when $2 then $3::bigint else $2::bigint end where tenant = $1 and seq in ($2, $3)', [log.tenant, a, b]);
    return only([a, b], ['moved']);
  },
  'two rows swapped, tree recomputed': async (log) => {
    const isNamed = await alterations['two rows swapped']!(log);
    await recomputeTree(log);
    return isNamed;
  },
  'row copied over another': async (log) => {
    const from = 1 + log.pick(log.size - 1);
    const to = from + 1;
    await log.tx.query('update audit_event x set sealed = y.sealed, leaf = y.leaf from audit_event y where x.tenant = $1 and y.tenant = $1 and x.seq = $2 and y.seq = $3', [log.tenant, to, from]);
    return only([to], ['altered']);
  },
  'row duplicated under its number': async (log) => {
    const seq = 1 + log.pick(log.size);
    await withoutUniqueness(log);
    await insertAt(log, seq, { ...await rowAt(log, seq), id: randomUUID() }, seq);
    return (report) => names(report, seq, ['duplicated']) && report.findings.every(({ fromSeq, toSeq }) => fromSeq === seq && toSeq === seq);
  },
  'row duplicated behind the end': async (log) => {
    const seq = 1 + log.pick(log.size);
    await insertAt(log, log.size + 1, { ...await rowAt(log, seq), id: randomUUID() }, seq);
    return only([log.size + 1], ['inserted', 'duplicated']);
  },
  'row forged with the key': async (log) => {
    const seq = 1 + log.pick(log.size);
    const forged = await forge(log, await rowAt(log, seq));
    await log.tx.query('update audit_event set sealed = $3, leaf = $4 where tenant = $1 and seq = $2', [log.tenant, seq, forged.sealed, forged.leaf]);
    return only([seq], ['altered']);
  },
  'row forged with the key, tree recomputed': async (log) => {
    const isNamed = await alterations['row forged with the key']!(log);
    await recomputeTree(log);
    return isNamed;
  },
  'row forged with the key inserted, the rest renumbered, tree recomputed': async (log) => {
    const seq = 1 + log.pick(log.size);
    const id = randomUUID();
    const forged = await forge(log, await rowAt(log, seq), id);
    await withoutUniqueness(log);
    await log.tx.query('update audit_event set seq = seq + 1 where tenant = $1 and seq >= $2', [log.tenant, seq]);
    await insertAt(log, seq, { id, ...forged }, seq + 1);
    await log.tx.query('update audit_head set seq = seq + 1 where tenant = $1', [log.tenant]);
    await recomputeTree(log);
    return (report) => names(report, seq, ['inserted']) && report.findings.every(({ kind, fromSeq, by }) => fromSeq === seq || (kind === 'moved' && by === 1));
  },
  'row forged with the key inserted beside another': async (log) => {
    const seq = 1 + log.pick(log.size);
    const id = randomUUID();
    const forged = await forge(log, await rowAt(log, seq), id);
    await withoutUniqueness(log);
    await insertAt(log, seq, { id, ...forged }, seq);
    return (report) => names(report, seq, ['inserted']) && report.findings.every(({ fromSeq, toSeq }) => fromSeq === seq && toSeq === seq);
  },
  'tail cut, head set back, tree recomputed, its checkpoints deleted': async (log) => {
    const last = log.size - 1 - log.pick(log.size - 1);
    await log.tx.query('delete from audit_event where tenant = $1 and seq > $2', [log.tenant, last]);
    await log.tx.query('update audit_head set seq = $2 where tenant = $1', [log.tenant, last]);
    await log.tx.query('delete from audit_checkpoint where tenant = $1 and size > $2', [log.tenant, last]);
    await recomputeTree(log);
    return (report) => report.head === last && report.findings.length === 1 && report.findings[0]!.kind === 'removed' && report.findings[0]!.fromSeq === last + 1 && report.findings[0]!.toSeq === log.size;
  },
  'tile replaced': async (log) => {
    const n = log.pick(Math.floor(log.size / 256));
    await log.tx.query('update audit_tile set hashes = set_byte(hashes, $3, get_byte(hashes, $3) # 1) where tenant = $1 and level = 0 and n = $2', [log.tenant, n, log.pick(8_192)]);
    return (report) => report.tiles.includes(`0/${n}`) && report.tiles.length === 1 && report.findings.length === 0;
  },
  'tile\'s root replaced': async (log) => {
    const n = log.pick(Math.floor(log.size / 256));
    await log.tx.query('update audit_tile set root = $3 where tenant = $1 and level = 0 and n = $2', [log.tenant, n, randomBytes(32)]);
    return (report) => report.tiles.includes(`0/${n}`) && report.tiles.length === 1 && report.findings.length === 0;
  },
  'checkpoint forged in the database': async (log) => {
    const [row] = await log.tx.query<{ size: number; note: string }>('select size, note from audit_checkpoint where tenant = $1 and size > 0 order by random() limit 1', [log.tenant]);
    const lines = row!.note.split('\n');
    lines[2] = randomBytes(32).toString('base64');
    await log.tx.query('update audit_checkpoint set note = $3 where tenant = $1 and size = $2', [log.tenant, row!.size, lines.join('\n')]);
    return (report) => report.checkpoints.length === 1 && report.checkpoints[0] === row!.size && report.findings.length === 0;
  },
};
