/** Stands on every page, in the packs' own words. */
export function DemonstrationNote() {
  return <span className="quiet">demonstration, not for clinical use</span>;
}
