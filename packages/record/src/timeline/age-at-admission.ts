const dayMs = 86_400_000;
const yearMs = 365.25 * dayMs;

/**
 * The age fact (LOINC 30525-0): Julian years to two decimals from the birth date (UTC midnight) to the admission to
 * hospital (ms since the epoch). `birthDate` is a FHIR date (YYYY, YYYY-MM or YYYY-MM-DD); where it is partial the latest day that it
 * allows is taken, so that nobody is taken for older than they may be. Null when it is no date, or after the admission.
 */
export function ageAtAdmission(birthDate: string, admittedAtMs: number): number | null {
  const bornAt = latestMidnight(birthDate);
  if (bornAt === null || !Number.isFinite(admittedAtMs) || bornAt > admittedAtMs) return null;
  return Math.round((admittedAtMs - bornAt) / yearMs * 100) / 100;
}

/** A date of birth from which `ageAtAdmission` gives `ageYears` (two decimals) back: 0.01 year is 3.65 days. */
export function dateOfBirthFor(ageYears: number, admittedAt: number): string {
  return new Date(Math.floor((admittedAt - ageYears * yearMs) / dayMs) * dayMs).toISOString().slice(0, 10);
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
