import { FP_Decimal } from 'fhirpath';

/**
 * FHIR JSON with its decimals as written: `1.0` says more than `1` (FHIR R4, 2.24.0.1, decimal: precision must be
 * preserved), and JSON.parse alone would drop it. Numbers without a point stay numbers.
 */
export function parseFhirJson(text: string): unknown {
  return JSON.parse(text, decimalsAsWritten);
}

/** The third argument is newer than TypeScript's own declaration (ECMAScript proposal "JSON.parse source text access"). */
function decimalsAsWritten(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined && /[.eE]/.test(context.source) ? FP_Decimal.getDecimal(context.source) : value;
}
