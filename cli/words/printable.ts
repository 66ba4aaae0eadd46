/**
 * A text without the codes that a terminal would obey, but for colours and ends of lines: names of files, tensors and methods come
 * from strangers.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/\u001b\[\d{1,2}m|[^\P{Cc}\n\t]/gu, (code) => (code.length > 1 ? code : '\ufffd'));
}
