const cutPlaces = new Map<string, readonly number[]>();

/** `4.2` → [4, 2]. Places come from mapping files only, so what is remembered is as large as those are. */
export function pathOf(place: string): readonly number[] {
  const known = cutPlaces.get(place);
  if (known !== undefined) return known;
  const path = place === '' ? [] : place.split('.').map(Number);
  cutPlaces.set(place, path);
  return path;
}
