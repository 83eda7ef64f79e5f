/** The part of Markdown that a model card is written in, as blocks. What isn't known stays a paragraph's text. */
export type Block =
  | { kind: 'heading'; level: number; text: string }
  | { kind: 'paragraph'; text: string }
  | { kind: 'list'; ordered: boolean; items: string[] }
  | { kind: 'table'; head: string[]; rows: string[][] }
  | { kind: 'code'; text: string };

export type Span = { kind: 'text' | 'strong' | 'emphasis' | 'code'; text: string };

const listItem = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;
const tableRule = /^\s*\|?\s*:?-{2,}/;

export function parseMarkdown(text: string): Block[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  const takeWhile = (wanted: (line: string) => boolean): string[] => {
    const start = at;
    while (at < lines.length && wanted(lines[at] ?? '')) at += 1;
    return lines.slice(start, at);
  };
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (line.trim() === '') {
      at += 1;
    } else if (heading !== null) {
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, text: heading[2] ?? '' });
      at += 1;
    } else if (line.startsWith('```')) {
      at += 1;
      blocks.push({ kind: 'code', text: takeWhile((one) => !one.startsWith('```')).join('\n') });
      at += 1;
    } else if (line.includes('|') && tableRule.test(lines[at + 1] ?? '')) {
      const [head = '', , ...rows] = takeWhile((one) => one.includes('|'));
      blocks.push({ kind: 'table', head: cellsOf(head), rows: rows.map(cellsOf) });
    } else if (listItem.test(line)) {
      blocks.push({ kind: 'list', ordered: listItem.exec(line)?.[1] !== undefined, items: itemsOf(takeWhile((one) => listItem.test(one) || /^\s+\S/.test(one))) });
    } else {
      const first = lines[at] ?? '';
      at += 1;
      const rest = takeWhile((one) => one.trim() !== '' && !/^#{1,6}\s/.test(one) && !one.startsWith('```') && !listItem.test(one));
      blocks.push({ kind: 'paragraph', text: [first, ...rest].map((one) => one.trim()).join(' ') });
    }
  }
  return blocks;
}

function itemsOf(lines: readonly string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    const item = listItem.exec(line);
    if (item !== null) items.push(item[2] ?? '');
    else items.push(`${items.pop() ?? ''} ${line.trim()}`);
  }
  return items;
}

const cellsOf = (line: string): string[] => line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => cell.trim());

/** `code`, **strong** and *emphasis* within a line; a link keeps its words only, since a card leads nowhere from here. */
export function parseSpans(text: string): Span[] {
  const spans: Span[] = [];
  const plain = text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  let from = 0;
  for (const match of plain.matchAll(/`([^`]+)`|\*\*(.+?)\*\*|\*(\S(?:.*?\S)?)\*/g)) {
    if (match.index > from) spans.push({ kind: 'text', text: plain.slice(from, match.index) });
    const [whole, code, strong, emphasis] = match;
    spans.push(code !== undefined ? { kind: 'code', text: code } : strong !== undefined ? { kind: 'strong', text: strong } : { kind: 'emphasis', text: emphasis ?? whole });
    from = match.index + whole.length;
  }
  if (from < plain.length) spans.push({ kind: 'text', text: plain.slice(from) });
  return spans;
}
