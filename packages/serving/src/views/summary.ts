/** The worklist in a line: "22 scored, 2 withheld, no alerts", or "No patients; last ADT 06:12". */
export function worklistSummary(
  counts: { scored: number; withheld: number; ineligible: number; unscored: number; alerts: number },
  lastAdmissionMessageAt: number | null,
): string {
  const { scored, withheld, ineligible, unscored, alerts } = counts;
  if (scored + withheld + ineligible + unscored === 0) {
    return lastAdmissionMessageAt === null ? 'No patients; no ADT yet' : `No patients; last ADT ${new Date(lastAdmissionMessageAt).toISOString().slice(11, 16)}`;
  }
  const parts = [`${scored} scored`];
  if (withheld > 0) parts.push(`${withheld} withheld`);
  if (ineligible > 0) parts.push(`${ineligible} outside the intended use`);
  if (unscored > 0) parts.push(`${unscored} not yet scored`);
  parts.push(alerts === 0 ? 'no alerts' : alerts === 1 ? '1 alert' : `${alerts} alerts`);
  return parts.join(', ');
}
