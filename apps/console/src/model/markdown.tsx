import { useMemo } from 'react';
import { parseMarkdown, parseSpans, type Block } from './parse-markdown.ts';
import styles from './model.module.css';

/** A card's text as elements: no HTML of the card's own ever reaches the page. */
export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => parseMarkdown(text), [text]);
  return <div className={styles['card']}>{blocks.map((block, index) => <BlockView key={`${index} ${block.kind}`} block={block} />)}</div>;
}

function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case 'heading':
      return block.level <= 2 ? <h2><Spans text={block.text} /></h2> : <h3><Spans text={block.text} /></h3>;
    case 'paragraph':
      return <p><Spans text={block.text} /></p>;
    case 'code':
      return <pre className="mono">{block.text}</pre>;
    case 'list': {
      const items = block.items.map((item, index) => <li key={`${index} ${item}`}><Spans text={item} /></li>);
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case 'table':
      return (
        <table className="data-table">
          <thead><tr>{block.head.map((cell, index) => (cell === '' ? <td key={`${index} ${cell}`} /> : <th key={`${index} ${cell}`} scope="col"><Spans text={cell} /></th>))}</tr></thead>
          <tbody>{block.rows.map((row, index) => <tr key={`${index} ${row.join()}`}>{row.map((cell, column) => <td key={`${column} ${cell}`}><Spans text={cell} /></td>)}</tr>)}</tbody>
        </table>
      );
  }
}

function Spans({ text }: { text: string }) {
  return parseSpans(text).map(({ kind, text: words }, index) => {
    const key = `${index} ${words}`;
    if (kind === 'strong') return <strong key={key}>{words}</strong>;
    if (kind === 'emphasis') return <em key={key}>{words}</em>;
    if (kind === 'code') return <code key={key} className="mono">{words}</code>;
    return <span key={key}>{words}</span>;
  });
}
