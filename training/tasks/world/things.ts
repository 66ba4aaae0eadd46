/** Something that can be counted, owned, bought and given away. */
export interface Thing {
  readonly one: string;
  readonly many: string;
}

/** Everything that is counted. */
export const things: readonly Thing[] = [
  { one: 'apple', many: 'apples' },
  { one: 'book', many: 'books' },
  { one: 'card', many: 'cards' },
  { one: 'cup', many: 'cups' },
  { one: 'egg', many: 'eggs' },
  { one: 'hat', many: 'hats' },
  { one: 'pen', many: 'pens' },
  { one: 'ring', many: 'rings' },
  { one: 'shell', many: 'shells' },
  { one: 'toy', many: 'toys' },
];

/** Everywhere, with the words that lead there. */
export const places: readonly string[] = ['at home', 'at school', 'at the park', 'at the shop'];

/** What is done by the hour: somebody makes or finds so many of a thing. */
export const activities: readonly string[] = ['finds', 'makes', 'sells'];
