import { LambdamaxError } from '../../errors.ts';

/** Names and commas alone: a list; any other sign makes the pattern a regular expression. */
const list = /^[\w\s.,-]*$/;

/**
 * The module names that a pattern chooses, in their own order. A comma list of names as PEFT's list of target modules
 * (`q_proj,v_proj`): a module matches if it equals an item or ends with `.item`; every item must match. `all-linear`:
 * every module but the output projection. Else a regular expression that must match the whole name. Throws a
 * LambdamaxError that shows some of the names if nothing matches.
 */
export function matchModules(names: readonly string[], pattern: string): string[] {
  const wanted = pattern.trim();
  const nothing = (item: string): LambdamaxError =>
    new LambdamaxError({
      subject: `module pattern ${JSON.stringify(item)}`,
      expected: `to match one of ${names.length} modules (${sample(names)})`,
      got: 'no match',
    });
  if (wanted === 'all-linear') return names.filter((name) => name.split('.').at(-1) !== 'lm_head');
  if (!list.test(wanted)) {
    const expression = wholeName(wanted);
    const matching = names.filter((name) => expression.test(name));
    if (matching.length === 0) throw nothing(pattern);
    return matching;
  }
  const items = wanted.split(',').map((item) => item.trim());
  const matches = (name: string, item: string): boolean => name === item || name.endsWith(`.${item}`);
  for (const item of items) {
    if (item === '' || !names.some((name) => matches(name, item))) throw nothing(item === '' ? pattern : item);
  }
  return names.filter((name) => items.some((item) => matches(name, item)));
}

function wholeName(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw new LambdamaxError({
      subject: `module pattern ${JSON.stringify(pattern)}`,
      expected: 'a comma list of names or a regular expression',
      got: (cause as Error).message,
      cause,
    });
  }
}

function sample(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 3).join(', ')}, ..., ${names.at(-1)}` : names.join(', ');
}
