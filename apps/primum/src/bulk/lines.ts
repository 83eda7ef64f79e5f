const newline = 10;

/**
 * Lines of UTF-8 as they come, without their ends (LF or CRLF). One of more than `longest` bytes comes as null and is never
 * held, so a source without an end of line costs no memory. An error of the source is the reader's.
 */
export async function* linesOf(source: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<string | null> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  const take = (more: Uint8Array): void => {
    bytes += more.length;
    if (bytes > longest) held = [];
    else if (more.length > 0) held.push(more);
  };
  const end = (): string | null => {
    const text = bytes > longest ? null : Buffer.concat(held, bytes).toString();
    held = [];
    bytes = 0;
    return text?.endsWith('\r') === true ? text.slice(0, -1) : text;
  };
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, at));
      yield end();
      from = at + 1;
    }
    take(chunk.subarray(from));
  }
  if (bytes > 0) yield end();
}
