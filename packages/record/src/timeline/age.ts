const dayMs = 86_400_000;
const yearMs = 365.25 * dayMs;

/**
 * Age at admission in years, to two decimals: from the birth date (UTC midnight) to the admission (ms since the epoch),
 * in Julian years. `birthDate` is a FHIR date (YYYY, YYYY-MM or YYYY-MM-DD); where it is partial the latest day that it
 * allows is taken, so that nobody is taken for older than they may be. Null when it is no date, or after the admission.
 */
export function ageAtAdmission(birthDate: string, admittedAtMs: number): number | null {
  const bornAt = latestMidnight(birthDate);
  if (bornAt === null || !Number.isFinite(admittedAtMs) || bornAt > admittedAtMs) return null;
  return Math.round((admittedAtMs - bornAt) / yearMs * 100) / 100;
}

function latestMidnight(birthDate: string): number | null {
  const match = /^(\d{4})(?:-(\d\d)(?:-(\d\d))?)?$/.exec(birthDate);
  if (match === null) return null;
  const [, year, month, day] = match;
  const at = month === undefined ? Date.UTC(Number(year), 12, 0)
    : day === undefined ? Date.UTC(Number(year), Number(month), 0)
    : Date.parse(`${birthDate}T00:00:00Z`);
  return Number.isNaN(at) ? null : at;
}
