/**
 * Whether an object of a JSON text holds one name twice (FHIR R4, section 2.6.2; RFC 8259, section 4). JSON.parse keeps
 * the last and drops the others in silence. `parsed`: what it made of the text, whose names are counted first: where
 * there are as many as the text has, none was dropped, and nearly always that is all there is to do.
 */
export function repeatsName(text: string, parsed: unknown): boolean {
  let written = 0;
  for (const name = /"\s*:/g; name.test(text);) written += 1;
  return written !== namesIn(parsed) && scan(text);
}

function namesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let names = 0;
  if (Array.isArray(value)) for (const item of value) names += namesIn(item);
  else for (const name in value) names += 1 + namesIn((value as Record<string, unknown>)[name]);
  return names;
}

/** Of a text that JSON.parse has taken. */
function scan(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(undefined);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      let next = end + 1;
      while (/\s/.test(text[next] ?? '')) next += 1;
      if (text[next] === ':') {
        const name = JSON.parse(text.slice(at, end + 1)) as string; // a text in quotes
        const names = open.at(-1);
        if (names?.has(name) === true) return true;
        names?.add(name);
      }
      at = end;
    }
  }
  return false;
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes += 1;
    if (escapes % 2 === 0) return end;
  }
}
