/** Whether a JSON value is a valid value of a primitive type (FHIR R4, section 2.24.0.1; datatypes.html). */
export type PrimitiveCheck = (value: unknown) => boolean;

const longestText = 1024 * 1024;
// eslint-disable-next-line no-control-regex -- exactly these may not be in a string
const control = /[\0-\b\v\f\x0e-\x1f]/;
const datePattern = /^([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?)?$/;
const dateTimePattern = /^([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?)?)?$/;
const instantPattern = /^([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))$/;
const timePattern = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?$/;

const text: PrimitiveCheck = (value) => typeof value === 'string' && value !== '' && value.length <= longestText && !control.test(value);
const matching = (pattern: RegExp): PrimitiveCheck => (value) => typeof value === 'string' && pattern.test(value);
/** The pattern lets the 31st of every month pass; the calendar does not. */
const dated = (pattern: RegExp): PrimitiveCheck => (value) => {
  if (typeof value !== 'string' || !pattern.test(value) || value.startsWith('0000')) return false;
  if (value.length < 10 || value.charCodeAt(8) < 50 || (value.charCodeAt(8) === 50 && value.charCodeAt(9) < 57)) return true; // before the 29th
  return Number(value.slice(8, 10)) <= new Date(Date.UTC(Number(value.slice(0, 4)), Number(value.slice(5, 7)), 0)).getUTCDate();
};
const whole = (least: number): PrimitiveCheck => (value) => typeof value === 'number' && Number.isInteger(value) && value >= least && value <= 2_147_483_647;
const uri = matching(/^\S{1,65536}$/);

export const primitiveChecks: Readonly<Record<string, PrimitiveCheck>> = {
  boolean: (value) => typeof value === 'boolean',
  integer: whole(-2_147_483_648), unsignedInt: whole(0), positiveInt: whole(1),
  decimal: (value) => typeof value === 'number' && Number.isFinite(value),
  string: text, markdown: text, xhtml: text,
  uri, url: uri, canonical: uri,
  oid: matching(/^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$/),
  uuid: matching(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
  id: matching(/^[A-Za-z0-9\-.]{1,64}$/),
  code: matching(/^\S+(\s\S+)*$/),
  date: dated(datePattern), dateTime: dated(dateTimePattern), instant: dated(instantPattern), time: matching(timePattern),
  base64Binary: (value) => typeof value === 'string' && value !== '' && isBase64(value),
};

/** Without a pattern over all of it: attachments are megabytes. White space may stand between groups of four. */
function isBase64(value: string): boolean {
  const plain = /\s/.test(value) ? value.replaceAll(/\s+/g, '') : value;
  return plain.length % 4 === 0 && plain !== '' && /^[0-9A-Za-z+/]*={0,2}$/.test(plain);
}
