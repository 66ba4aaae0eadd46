import type { RandomStream } from '../../compute/index.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Bytes with one thing wrong: cut, changed, taken out, put in, said twice. */
export function mutateBytes(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const at = random.integer(bytes.length + 1);
  const length = random.integer(Math.min(24, bytes.length - at) + 1);
  const [before, part, after] = [bytes.slice(0, at), bytes.slice(at, at + length), bytes.slice(at + length)];
  const noise = Uint8Array.from({ length: 1 + random.integer(24) }, () => random.integer(256));
  const flipped = part.map((byte) => byte ^ (1 << random.integer(8)));
  const kinds: Uint8Array[][] = [
    [before],
    [before, after],
    [before, noise, after],
    [before, noise, part, after],
    [before, part, part, after],
    [before, flipped, after],
    [after, part, before],
  ];
  return concat(kinds[random.integer(kinds.length)]!);
}

/** What programs trip over. */
const extremes: readonly Json[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 3, 7, 1e-300, 1e300, 2 ** 31, 2 ** 53, 2 ** 63, -(2 ** 53)],
  ...['', 'x', '1', '__proto__', 'constructor', '\u0000\u001b[31m\n\r\u2028', 'a'.repeat(5000), '../../x'],
  ...[[], {}, [[]], [-1], [1e300], [null], { a: { b: {} } }, Array.from({ length: 300 }, () => 1)],
];

/** A JSON value with one thing wrong: an extreme in the place of a part, a part left out, doubled, or under another name. */
export function mutateJson(value: unknown, random: RandomStream): unknown {
  const copy = structuredClone(value) as Json;
  const spots: { holder: Json[] | { [key: string]: Json }; key: string }[] = [];
  const visit = (part: Json): void => {
    if (typeof part !== 'object' || part === null) return;
    for (const key of Object.keys(part)) {
      spots.push({ holder: part as { [key: string]: Json }, key });
      visit((part as { [key: string]: Json })[key]!);
    }
  };
  visit(copy);
  if (spots.length === 0) return extremes[random.integer(extremes.length)]!;
  const { holder, key } = spots[random.integer(spots.length)]!;
  const other = spots[random.integer(spots.length)]!;
  const target = holder as { [key: string]: Json };
  const actions = [
    () => (Array.isArray(holder) ? holder.pop() : delete target[key]),
    () => (target[key] = structuredClone((other.holder as { [key: string]: Json })[other.key]!)),
    () => (target[`${key}x`] = target[key]!),
    ...Array.from({ length: 6 }, () => () => (target[key] = extremes[random.integer(extremes.length)]!)),
  ];
  actions[random.integer(actions.length)]!();
  return copy;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
