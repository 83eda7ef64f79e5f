import { createHash } from 'node:crypto';
import { version } from '../version.ts';
import { judged, type JudgedControl, type Pack } from './pack.ts';

/** Namespace of properties that OSCAL doesn't know. */
const ns = 'https://primum.example/ns/evidence';

/** OSCAL 1.1.3, assessment-results (https://pages.nist.gov/OSCAL): the same as index.html says, for machines. */
export function assessmentResults(pack: Pack): unknown {
  const controls = judged(pack);
  const uuid = (name: string): string => uuidOf(`${pack.id} ${name}`);
  const plan = uuid('plan');
  return {
    'assessment-results': {
      uuid: uuid('results'),
      metadata: {
        title: 'Evidence from one run of Primum’s proofs', 'last-modified': pack.madeAt, version: pack.madeAt, 'oscal-version': '1.1.3',
        remarks: 'Evidence for controls, produced by software. It judges nobody and certifies nothing.',
      },
      'import-ap': { href: `#${plan}`, remarks: 'The plan is the list of proofs itself: each names how to repeat it.' },
      results: [{
        uuid: uuid('result'), title: pack.quick ? 'Quick run' : 'Full run', start: pack.startedAt, end: pack.madeAt,
        description: `Proofs run by Primum ${version} on this home as it is, and on a scratch Primum started for it with invented people.`,
        props: Object.entries(pack.environment).map(([name, value]) => ({ name, value, ns })),
        'reviewed-controls': {
          'control-selections': [...new Set(controls.map(({ framework }) => framework))].map((framework) => ({
            description: `${framework.name} (${framework.source})`, 'include-controls': controls.filter((control) => control.framework === framework).map((control) => ({ 'control-id': idOf(control) })),
          })),
        },
        observations: pack.proofs.map((proof) => ({
          uuid: uuid(`observation ${proof.id}`), title: proof.title, description: proof.says, methods: ['TEST'], types: ['control-objective'], collected: proof.finishedAt,
          props: [{ name: 'outcome', value: proof.passed === null ? 'not-tried' : proof.passed ? 'passed' : 'failed', ns }],
          'relevant-evidence': [{ href: `proofs/${proof.id}.json`, description: `Of ${proof.of}. To repeat: ${proof.again}` }],
        })),
        findings: controls.map((control) => ({
          uuid: uuid(`finding ${idOf(control)}`), title: `${control.framework.id} ${control.ref}`, description: control.evidence === '' ? control.title : `${control.title}. Evidence: ${control.evidence}`,
          target: { type: 'objective-id', 'target-id': idOf(control), status: statusOf(control), ...(control.left === undefined ? {} : { remarks: `Left to people: ${control.left}` }) },
          ...(control.proofs.length === 0 ? {} : { 'related-observations': control.proofs.map((id) => ({ 'observation-uuid': uuid(`observation ${id}`) })) }),
        })),
      }],
      'back-matter': { resources: [{ uuid: plan, title: 'The proofs and how to repeat them', rlinks: [{ href: 'index.html#proofs', 'media-type': 'text/html' }] }] },
    },
  };
}

/** OSCAL knows two states: what is partly or not by software is not claimed, with the reason. */
function statusOf({ state }: JudgedControl): { state: string; reason: string; remarks?: string } {
  if (state === 'shown') return { state: 'satisfied', reason: 'pass', remarks: 'Every proof passed. Of the objective that these proofs test, no more.' };
  if (state === 'not shown') return { state: 'not-satisfied', reason: 'fail', remarks: 'A proof failed, or none could be tried.' };
  return { state: 'not-satisfied', reason: 'other', remarks: state === 'partly' ? 'Shown as far as software can; the rest is left to people or could not be tried.' : 'Not by software.' };
}

/** A control id as OSCAL's tokens allow it. */
export function idOf({ framework, ref }: Pick<JudgedControl, 'framework' | 'ref'>): string {
  return `${framework.id}-${ref}`.toLowerCase().replaceAll('–', '-to-').replaceAll(/[^a-z0-9.-]+/g, '_').replace(/_+$/, '');
}

/** A UUID of version 5's form, so that one run names the same thing alike in each of its files. */
function uuidOf(name: string): string {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
