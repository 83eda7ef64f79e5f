/** UCUM units as a clinician reads them; a unit that is not in the table is shown as it stands. */
const shown: Readonly<Record<string, string>> = {
  'mm[Hg]': 'mmHg',
  'Cel': '°C',
  'a': 'years',
  '{fraction}': '',
  '{code}': '',
  '{event}': '',
  '{count}': 'h',
  '1': '',
  '[pH]': '',
  '[IU]/L': 'IU/L',
  '10*3/uL': '10³/µL',
  'ug/L': 'µg/L',
  'umol/L': 'µmol/L',
};

export function displayUnit(ucum: string): string {
  const known = shown[ucum];
  if (known !== undefined) return known;
  const slash = ucum.lastIndexOf('/');
  if (slash <= 0) return ucum;
  const over = ucum.slice(slash + 1);
  if (over === 'h') return `${displayUnit(ucum.slice(0, slash))} per h`;
  return over === 'mm[Hg]' ? `${ucum.slice(0, slash)} per mmHg` : ucum;
}
