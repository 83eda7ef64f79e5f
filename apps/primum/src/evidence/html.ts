import { version } from '../version.ts';
import { beyondSoftware, controlsOf, frameworks, type ControlState } from './controls/all-frameworks.ts';
import { judged, type Pack } from './pack.ts';
import type { ProofRecord } from './proof.ts';
import { sharedResponsibility } from './shared-responsibility.ts';

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const row = (...cells: readonly string[]): string => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
const table = (head: readonly string[], rows: readonly string[]): string => `<table><thead><tr>${head.map((name) => `<th scope="col">${name}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
const outcomeOf = ({ passed }: Pick<ProofRecord, 'passed'>): string => (passed === null ? 'not tried' : passed ? 'passed' : 'failed');
const marked = (word: string): string => `<span class="state ${word.replaceAll(' ', '-')}">${word}</span>`;
const states: readonly ControlState[] = ['shown', 'partly', 'not shown', 'not by software'];
const minute = (instant: string): string => `${instant.slice(0, 16).replace('T', ' ')} UTC`;

/** The page that people read: one file, no script, nothing loaded from elsewhere, fit for paper. */
export function pageOf(pack: Pack, keyId: string): string {
  const controls = judged(pack);
  const proofs = new Map(pack.proofs.map((proof) => [proof.id, proof]));
  const failed = pack.proofs.filter(({ passed }) => passed === false);
  const untried = pack.proofs.filter(({ passed }) => passed === null);
  const count = (framework: string | null, state: ControlState): string => String(controls.filter((control) => (framework === null || control.framework.id === framework) && control.state === state).length);
  const seconds = Math.round((Date.parse(pack.madeAt) - Date.parse(pack.startedAt)) / 1_000);
  const sections = frameworks.map((framework) => `<h2 id="${framework.id}">${escape(framework.name)}</h2>
<p class="quiet">${escape(framework.source)}. Titles are in our own words; the text of the source decides.</p>
${table(['Reference', 'What is asked', 'What is evidence', 'Proofs', 'Left to people', 'State'], controls.filter((control) => control.framework === framework).map((control) => row(
    `<span class="reference">${escape(control.ref)}</span>`, escape(control.title), escape(control.evidence),
    control.proofs.map((id) => `<a href="proofs/${id}.json">${id}</a>&nbsp;<span class="quiet">${outcomeOf(proofs.get(id) ?? { passed: null })}</span>`).join('<br>'),
    escape(control.left ?? ''), marked(control.state),
  )))}`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Evidence, ${minute(pack.madeAt)}</title><style>${style}</style></head><body>
<h1>Evidence for controls</h1>
<p>Made by Primum ${escape(version)} on ${minute(pack.madeAt)} in ${seconds} s${pack.quick ? ' (quick run)' : ''}: ${pack.proofs.length} proofs, each run for this pack, over this home as it is and over a scratch Primum with invented people. Each row below says what is asked, what is evidence for it, and which proofs bear on it.</p>
<p><strong>This is evidence for an assessment, not its outcome.</strong> Software can show what it does; whether that is enough, people decide. No patient of this home is named here.</p>
${failed.length === 0 ? '' : `<p class="warning">${failed.length} proofs failed: ${failed.map(({ id, says }) => `<a href="#${id}">${id}</a> (${escape(says)})`).join('; ')}</p>`}
${untried.length === 0 ? '' : `<p>${untried.length} could not be tried here: ${untried.map(({ id, says }) => `<a href="#${id}">${id}</a> (${escape(says)})`).join('; ')}</p>`}
<nav>${[...frameworks.map(({ id, name }) => [id, name]), ['proofs', 'Proofs'], ['ways-out', 'Ways out and agreements'], ['places', 'Places'], ['processing', 'Record of processing'], ['responsibility', 'Who does what'], ['beyond', 'What software can’t show'], ['verify', 'Check this pack']].map(([id, name]) => `<a href="#${id}">${escape(name ?? '')}</a>`).join(' · ')}</nav>
<h2>In short</h2>
${table(['', ...states.map(marked)], [...frameworks.map(({ id, name }) => row(escape(name), ...states.map((state) => count(id, state)))), row('<strong>Together</strong>', ...states.map((state) => `<strong>${count(null, state)}</strong>`))])}
<p class="quiet"><em>shown</em>: every proof passed, and nothing of it is left to people. <em>partly</em>: what could be tried passed; the rest is left to people or could not be tried here. <em>not shown</em>: a proof failed or none could be tried. <em>not by software</em>: nothing run here can show it.</p>
${sections.join('\n')}
<h2 id="proofs">Proofs</h2>
${table(['Proof', 'Found', 'Of', 'When', 'To repeat', 'Result'], pack.proofs.map((proof) => row(
    `<a id="${proof.id}" href="proofs/${proof.id}.json">${proof.id}</a><br>${escape(proof.title)}`, escape(proof.says), proof.of, `<span class="when">${minute(proof.startedAt)}</span><br>${((Date.parse(proof.finishedAt) - Date.parse(proof.startedAt)) / 1_000).toFixed(1)} s`,
    `<code>${escape(proof.again)}</code>`, `${marked(outcomeOf(proof))}<br><span class="quiet">${controlsOf(proof.id).length} controls</span>`,
  )))}
<p class="quiet">Where they ran: ${Object.entries(pack.environment).map(([name, value]) => `${escape(name)} ${escape(value)}`).join(' · ')}.</p>
<h2 id="ways-out">Ways out and agreements</h2>
${pack.flows.length === 0 ? '<p>No way is set up by which data leave this machine.</p>' : table(['What', 'To', 'Personal data', 'Agreement'], pack.flows.map(({ what, to, personal, covered, endsInDays }) => row(
    escape(what), escape(to), personal ? 'yes' : 'no', covered === null ? 'none needed' : covered ? `in force${endsInDays === null ? '' : `, ${endsInDays} days left`}` : marked('not covered'))))}
<h2 id="places">Places</h2>
<p>${pack.residency.allowed === null ? 'Where data may lie was not declared.' : `Data may lie in: ${escape(pack.residency.allowed.join(', '))}. A store elsewhere is refused at the start.`}</p>
${table(['Store', 'Lies at', 'Region as declared', 'Allowed'], pack.residency.stores.map(({ store, at, region, allowed }) => row(escape(store), escape(at), escape(region ?? '–'), allowed === null ? '–' : allowed ? 'yes' : 'no')))}
<h2 id="processing">Record of processing</h2>
<p class="quiet">For GDPR Article 30(1), from what is set up here. Name and contact of controller, representative and data protection officer are to be added. Subjects: patients, staff. Time limits: policies/retention.json. Measures: the proofs above.</p>
${table(['Purpose', 'Serves', 'Roles let in by the policies', 'Routes'], pack.processing.map(({ purpose, meaning, roles, routes }) => row(`${escape(meaning)} <span class="quiet">${purpose}</span>`, escape(routes.length === 0 ? 'no route of its own' : `${routes.length} routes`), escape(roles.join(', ') || 'none'), `<span class="small">${escape(routes.join(', '))}</span>`)))}
<h2 id="responsibility">Who does what</h2>
${table(['Area', 'Primum', 'Operator', 'Hospital'], sharedResponsibility.map(({ area, primum, operator, hospital }) => row(escape(area), escape(primum), escape(operator), escape(hospital))))}
<h2 id="beyond">What software can’t show</h2>
<ul>${beyondSoftware.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>
<h2 id="verify">Check this pack</h2>
<p><code>node verify.mjs ${keyId}</code>, or as VERIFY.txt says with OpenSSL. Signed with the Ed25519 key <code>${keyId}</code>. The same in OSCAL for machines: <a href="assessment-results.json">assessment-results.json</a>.</p>
</body></html>
`;
}

const style = `
:root{color-scheme:light dark;--line:#8886;--quiet:light-dark(#555,#aaa)}
body{font:15px/1.45 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem}nav{line-height:1.9}
table{border-collapse:collapse;width:100%;font-size:.86rem}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600}thead{display:table-header-group}tr{break-inside:avoid}code{font-size:.92em;overflow-wrap:anywhere}
.quiet{color:var(--quiet)}.small{font-size:.78rem;color:var(--quiet)}.reference{font-variant-numeric:tabular-nums;font-weight:600}
td a,.state,.when{white-space:nowrap}.shown,.passed{font-weight:600}.not-shown,.failed,.not-covered,.warning{font-weight:700;color:light-dark(#a11,#f88)}.partly,.not-tried{font-style:italic}.not-by-software{color:var(--quiet)}
@media print{body{max-width:none;margin:0;font-size:10.5px}a{color:inherit;text-decoration:none}nav{display:none}}
`;
