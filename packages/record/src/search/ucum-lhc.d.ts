/** What is used of the library, which has no types of its own. */
declare module '@lhncbc/ucum-lhc' {
  type ToBaseUnits = { status: 'succeeded'; magnitude: number; unitToExp: Record<string, number>; fromUnitIsSpecial: boolean } | { status: 'invalid' | 'failed' | 'error' };
  const ucumPackage: { UcumLhcUtils: { getInstance(): { convertToBaseUnits(unit: string, value: number): ToBaseUnits } } };
  export default ucumPackage;
}
