import type { BreachReport } from '@primum/contract';

type Duty = { duty: string; source: string; hours: number; when?: (affected: number) => boolean };
const hourMs = 3_600_000;

/** What must be done by when, counted from the discovery. The law says more than a number: a person decides. */
const duties: readonly Duty[] = [
  { duty: 'Notify the supervisory authority, unless a risk to people is unlikely', source: 'GDPR Article 33(1)', hours: 72 },
  { duty: 'Tell the people affected without undue delay where the risk to them is high', source: 'GDPR Article 34(1)', hours: 72 },
  { duty: 'Notify each individual without unreasonable delay', source: '45 CFR 164.404(b)', hours: 60 * 24 },
  { duty: 'Notify prominent media where more than 500 residents of a state are affected', source: '45 CFR 164.406(b)', hours: 60 * 24, when: (affected) => affected > 500 },
  { duty: 'Notify the Secretary of HHS at the same time (500 or more)', source: '45 CFR 164.408(b)', hours: 60 * 24, when: (affected) => affected >= 500 },
];

/** 45 CFR 164.408(c): fewer than 500 are logged, and reported within 60 days after the end of the calendar year. */
const yearly = (discoveredAt: Date): Date => new Date(Date.UTC(discoveredAt.getUTCFullYear() + 1, 0, 1) + 60 * 24 * hourMs);

export function breachClocks(discoveredAt: Date, affected: number, now: Date): BreachReport['clocks'] {
  const due = duties.filter(({ when }) => when?.(affected) ?? true).map(({ duty, source, hours }) => ({ duty, source, at: new Date(discoveredAt.getTime() + hours * hourMs) }));
  if (affected < 500) due.push({ duty: 'Report to the Secretary of HHS with the year’s others', source: '45 CFR 164.408(c)', at: yearly(discoveredAt) });
  return due.map(({ duty, source, at }) => ({ duty, source, due: at.toISOString(), hoursLeft: Math.round((at.getTime() - now.getTime()) / hourMs * 10) / 10 }));
}
