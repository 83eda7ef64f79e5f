const elements = new Set('a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var'.split(' '));
const attributes = new Set('abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope shape size span src start style summary tabindex title type valign value vspace width xml:lang xmlns'.split(' '));
const tag = /<(?:!--[\s\S]*?-->|(\/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[A-Za-z_:][\w:.-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>)/y;
const attribute = /([A-Za-z_:][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/**
 * Whether a narrative is XHTML that may be shown: one div, balanced, of the basic formatting elements and attributes, with
 * no script, event, form or active link, and with some content (FHIR R4, narrative.html; rules txt-1 and txt-2).
 */
export function isNarrative(xhtml: string): boolean {
  const open: string[] = [];
  let content = false;
  for (let at = 0; at < xhtml.length;) {
    if (xhtml[at] !== '<') {
      const next = xhtml.indexOf('<', at);
      const end = next === -1 ? xhtml.length : next;
      const blank = xhtml.slice(at, end).trim() === '';
      if (open.length === 0 && !blank) return false;
      content ||= !blank;
      at = end;
      continue;
    }
    tag.lastIndex = at;
    const found = tag.exec(xhtml);
    if (found === null) return false;
    at = tag.lastIndex;
    const [, closing, name, said, alone] = found;
    if (name === undefined) continue; // a comment
    if (closing === '/') {
      if (open.pop() !== name) return false;
      if (open.length === 0 && xhtml.slice(at).trim() !== '') return false;
      continue;
    }
    if (!elements.has(name) || (open.length === 0 && name !== 'div')) return false;
    for (const [, key = '', double, single] of (said ?? '').matchAll(attribute)) {
      if (!attributes.has(key) || (/^(href|src)$/.test(key) && /^\s*(javascript|vbscript|data:text)/i.test(double ?? single ?? ''))) return false;
    }
    content ||= name === 'img';
    if (alone !== '/') open.push(name);
  }
  return open.length === 0 && content;
}
