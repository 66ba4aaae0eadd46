/** A text of JSON, or one of the characters that hold it together. */
const token = /"([^"\\]*(?:\\.[^"\\]*)*)"|[{}[\]:]/gsu;

/** A field that some object in a JSON text has twice; undefined if there is none. Readers take one of the values, or refuse. */
export function repeatedField(json: string): string | undefined {
  const seen: Set<string>[] = [];
  let last: string | undefined;
  for (const [mark, text] of json.matchAll(token)) {
    if (mark === '{') seen.push(new Set());
    else if (mark === '[') seen.push(new Set());
    else if (mark === '}' || mark === ']') seen.pop();
    else if (mark === ':' && last !== undefined) {
      const fields = seen.at(-1)!;
      if (fields.has(last)) return last;
      fields.add(last);
    }
    last = text;
  }
  return undefined;
}
