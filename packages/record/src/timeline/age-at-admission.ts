const yearMs = 365.25 * 86_400_000;

/**
 * The age fact (LOINC 30525-0): years, two decimals, from a date of birth (`YYYY-MM-DD`, UTC midnight) to an admission
 * to hospital (ms since the epoch).
 */
export function ageAtAdmission(dateOfBirth: string, admittedAt: number): number {
  return Math.round(((admittedAt - Date.parse(`${dateOfBirth}T00:00:00Z`)) / yearMs) * 100) / 100;
}

/** A date of birth from which `ageAtAdmission` gives `ageYears` (two decimals) back: 0.01 year is 3.65 days. */
export function dateOfBirthFor(ageYears: number, admittedAt: number): string {
  return new Date(Math.floor((admittedAt - ageYears * yearMs) / 86_400_000) * 86_400_000).toISOString().slice(0, 10);
}
