import { decodeMessage, parseMessage } from '@primum/formats';
import type { Keys } from '@primum/trust';
import { messageAad } from '../accept/acceptor.ts';
import type { FrameProblem } from '../accept/interpret-frame.ts';
import type { Mappings } from '../mapping/load-mappings.ts';
import { keptIds } from '../keep/kept-ids.ts';
import { readKept } from '../keep/read-kept.ts';
import { readMessage } from '../reading/read-message.ts';
import { identityTokens, resultKeys, visitToken } from '../reading/tokens.ts';
import type { PreparedMessage } from '../reduce/message-context.ts';
import type { SourceDirectory } from '../sources/source-directory.ts';
import type { Breathe } from './breathe.ts';
import type { TakenMessage } from './take-messages.ts';

/** A taken message, read again by its source's present mapping; `raw` is what will be sealed under its patient's key. */
export type ReadyMessage = { taken: TakenMessage; raw: Buffer } & ({ prepared: PreparedMessage; problem?: undefined } | { prepared?: undefined; problem: FrameProblem });

export type PrepareDeps = { keys: Keys; mappings: Mappings; sources: SourceDirectory; breathe: Breathe };

export async function prepareMessage(deps: PrepareDeps, tenant: number, taken: TakenMessage): Promise<ReadyMessage> {
  const { keys } = deps;
  const raw = await keys.open(tenant, taken.sealed, messageAad(tenant, taken.id));
  const failed = (problem: FrameProblem): ReadyMessage => ({ taken, raw, problem });
  const source = taken.sourceId === null ? undefined : await deps.sources.byId(taken.sourceId);
  if (source === undefined) return failed({ code: 'hl7.source-unknown', location: 'MSH^1^3' });
  const mapping = deps.mappings.get(source.mapping);
  if (mapping === undefined) return failed({ code: 'config.invalid', detail: 'the source names a mapping that is not there' });
  const decoded = decodeMessage(raw);
  if (!decoded.ok) return failed(decoded.problem);
  const parsed = parseMessage(decoded.text, { charset: decoded.charset });
  if (!parsed.ok) return failed(parsed.problem);
  const outcome = readMessage(parsed.message, { utcOffset: source.utcOffset, defaultAuthority: source.facility });
  if (!outcome.ok) return failed(outcome.problem);
  const { reading } = outcome;
  const kept = reading.type.keeps ? await readKept(parsed.message, reading, source, deps.mappings.v2, taken.id, deps.breathe) : undefined;
  const keptByPatient = new Map<string, ReadonlyMap<string, string>>();
  const keysByPatient = new Map<string, string[]>();
  return {
    taken,
    raw,
    prepared: {
      id: taken.id,
      receivedAt: taken.receivedAt,
      source,
      mapping,
      reading,
      subjects: reading.subjects.map(({ patient, visit }) => ({
        tokens: identityTokens(keys, tenant, patient.identifiers), visitToken: visitToken(keys, tenant, visit?.number),
      })),
      priors: reading.priors.map((prior) => ({
        subject: prior.subject, tokens: identityTokens(keys, tenant, prior.identifiers),
        visitTokens: [prior.visit, prior.account].flatMap((number) => visitToken(keys, tenant, number) ?? []), visitNowToken: visitToken(keys, tenant, prior.visitNow),
      })),
      kept,
      keptIds: (patientId) => {
        const known = keptByPatient.get(patientId) ?? keptIds(keys, tenant, { reading, kept, facility: source.facility }, patientId);
        keptByPatient.set(patientId, known);
        return known;
      },
      resultKeys: (patientId) => {
        const known = keysByPatient.get(patientId) ?? resultKeys(keys, tenant, source.id, reading.results, patientId);
        keysByPatient.set(patientId, known);
        return known;
      },
    },
  };
}
