import type { Evaluation, IneligibleReason } from '@primum/datasets';

/** Why a patient is outside the intended use, as a clinician reads it. */
const ineligibleWords: Readonly<Record<IneligibleReason, string>> = {
  'objected': 'objected to automated scoring',
  'restricted': 'processing restricted',
  'not-in-icu': 'not in the ICU',
  'no-completed-hour': 'first hour in the ICU not complete',
  'stay-too-long': 'in the ICU for longer than a year',
  'age-unknown': 'age not known',
  'under-age': 'younger than the model was made for',
  'dead': 'deceased',
  'comfort-care': 'comfort care',
};

export function ineligibleReasons(reasons: readonly IneligibleReason[]): string[] {
  return reasons.map((reason) => ineligibleWords[reason]);
}

/** "no blood pressure for 3 h", or "no blood pressure measured" where there never was one in this ICU stay. */
export function withheldReasons(required: Evaluation['required']): string[] {
  if (required.ok) return [];
  return required.missing.map(({ label, ageHours }) => {
    const name = label.toLowerCase();
    return ageHours === null ? `no ${name} measured` : `no ${name} for ${Math.floor(ageHours)} h`;
  });
}

/** The explanation of a score did not sum to it: the score is not shown. */
export const explanationFailed = 'the explanation of the score failed its check';
