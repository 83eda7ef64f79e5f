import { actionWords, purposeWords, type Account } from '@primum/contract';

const header = ['first', 'last', 'times', 'who', 'role', 'as logged', 'what', 'action', 'purpose', 'purpose code', 'outcome'];

/** RFC 4180, with a header. A cell that a spreadsheet would take for a formula gets an apostrophe first. */
export function accountCsv(account: Account): string {
  return [header, ...rowsOf(account)].map((row) => row.map(csvCell).join(',')).join('\r\n') + '\r\n';
}

/** A page to read or print, in black on white, that loads nothing. */
export function accountHtml(account: Account, printedAt: string): string {
  const { patient, kind, from, to } = account;
  const title = kind === 'disclosures' ? 'Accounting of disclosures' : 'Who saw this record';
  const explained = kind === 'disclosures'
    ? 'Disclosures that 45 CFR 164.528 has accounted for: not those for treatment, for the hospital’s own operations, or made to the patient.'
    : 'Every look at this record that the audit log holds, for whatever reason, summed up by person, kind and day.';
  const who = [patient.name, patient.birthDate === null ? null : `born ${patient.birthDate}`, patient.mrn === null ? null : `number ${patient.mrn}`].filter((part) => part !== null && part !== '').join(', ');
  const head = ['First (UTC)', 'Last (UTC)', 'Times', 'Who', 'What', 'Purpose', 'Outcome'].map((text) => `<th scope="col">${text}</th>`).join('');
  const rows = account.entries.map((entry) => `<tr>${[
    short(entry.firstAt), short(entry.lastAt), String(entry.times), entry.role === null ? entry.who : `${entry.who} (${entry.role})`, actionWords(entry.action), purposeOf(entry.purpose),
    entry.outcome === 'success' ? 'done' : 'refused or failed',
  ].map((text) => `<td>${escaped(text)}</td>`).join('')}</tr>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<style>body{font:14px/1.4 system-ui,sans-serif;color:#111;background:#fff;margin:24px}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:3px 8px;border-bottom:1px solid #bbb;vertical-align:top}thead{display:table-header-group}tr{break-inside:avoid}</style></head>
<body><h1>${title}</h1>
<p>${who === '' ? `Record ${escaped(patient.patientId)}` : escaped(who)}. ${short(from)} to ${short(to)} (UTC).</p>
<p>${explained}</p>
<table><thead><tr>${head}</tr></thead><tbody>${rows.length === 0 ? '<tr><td colspan="7">None in this time.</td></tr>' : rows.join('\n')}</tbody></table>
${account.truncated ? '<p><strong>More than fits: ask for a shorter time.</strong></p>' : ''}
<p>Taken from the audit log at ${short(printedAt)}.</p></body></html>
`;
}

function rowsOf({ entries }: Account): string[][] {
  return entries.map((entry) => [
    entry.firstAt, entry.lastAt, String(entry.times), entry.who, entry.role ?? '', entry.actor, actionWords(entry.action), entry.action, purposeOf(entry.purpose), entry.purpose, entry.outcome,
  ]);
}

const purposeOf = (code: string): string => (purposeWords as Readonly<Record<string, string | undefined>>)[code] ?? code; // a log older than the words may hold others
const short = (instant: string): string => instant.slice(0, 16).replace('T', ' ');
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
