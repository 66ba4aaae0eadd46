// Python's `str.isupper` and `str.islower`: some letter has the case, and none has another.

/** Whether a text has capitals, and no small or title-case letters. */
export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

/** Whether a text has small letters, and no capitals or title-case letters. */
export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}
