import type { RandomStream } from '../../../compute/random.ts';
import { between } from '../world/words.ts';

/** What is done to a list of numbers, or to what an earlier step made of it. */
export interface Step {
  /** `adds 3 to each` */
  readonly words: string;
  /** `.map((x) => x + 3)`, what is put behind the list. */
  readonly code: string;
  /** What that code does to a list. */
  readonly apply: (list: readonly number[]) => unknown;
}

/** A step that leaves a list for the next one. */
export interface ListStep extends Step {
  readonly apply: (list: readonly number[]) => number[];
}

/** A kind of step; a number in it is drawn. */
export type StepKind<Kind extends Step = Step> = (random: RandomStream) => Kind;

const from = (low: number, high: number, make: (n: number) => ListStep): StepKind<ListStep> => {
  return (random) => make(between(random, low, high));
};
const always = (step: ListStep): StepKind<ListStep> => {
  return () => step;
};

/** Steps from a list to a list. */
export const listSteps: Readonly<Record<string, StepKind<ListStep>>> = {
  add: from(1, 9, (n) => ({
    ...{ words: `adds ${n} to each`, code: `.map((x) => x + ${n})` },
    apply: (list) => list.map((x) => x + n),
  })),
  take: from(1, 9, (n) => ({
    ...{ words: `takes ${n} from each`, code: `.map((x) => x - ${n})` },
    apply: (list) => list.map((x) => x - n),
  })),
  multiply: from(2, 9, (n) => ({
    ...{ words: `makes each ${n} times as big`, code: `.map((x) => x * ${n})` },
    apply: (list) => list.map((x) => x * n),
  })),
  square: always({ words: 'squares each', code: '.map((x) => x * x)', apply: (list) => list.map((x) => x * x) }),
  above: from(1, 9, (n) => ({
    ...{ words: `keeps all above ${n}`, code: `.filter((x) => x > ${n})` },
    apply: (list) => list.filter((x) => x > n),
  })),
  below: from(2, 9, (n) => ({
    ...{ words: `keeps all below ${n}`, code: `.filter((x) => x < ${n})` },
    apply: (list) => list.filter((x) => x < n),
  })),
  even: always({
    ...{ words: 'keeps the even ones', code: '.filter((x) => x % 2 === 0)' },
    apply: (list) => list.filter((x) => x % 2 === 0),
  }),
  odd: always({
    ...{ words: 'keeps the odd ones', code: '.filter((x) => x % 2 !== 0)' },
    apply: (list) => list.filter((x) => x % 2 !== 0),
  }),
  without: from(0, 9, (n) => ({
    ...{ words: `leaves out every ${n}`, code: `.filter((x) => x !== ${n})` },
    apply: (list) => list.filter((x) => x !== n),
  })),
  sort: always({
    ...{ words: 'sorts from small to big', code: '.sort((a, b) => a - b)' },
    apply: (list) => [...list].sort((a, b) => a - b),
  }),
  sortDown: always({
    ...{ words: 'sorts from big to small', code: '.sort((a, b) => b - a)' },
    apply: (list) => [...list].sort((a, b) => b - a),
  }),
  reverse: always({
    ...{ words: 'turns the order around', code: '.reverse()' },
    apply: (list) => [...list].reverse(),
  }),
  first: from(2, 5, (n) => ({
    ...{ words: `takes the first ${n}`, code: `.slice(0, ${n})` },
    apply: (list) => list.slice(0, n),
  })),
  last: from(2, 5, (n) => ({
    ...{ words: `takes the last ${n}`, code: `.slice(-${n})` },
    apply: (list) => list.slice(-n),
  })),
  drop: from(1, 5, (n) => ({
    ...{ words: `drops the first ${n}`, code: `.slice(${n})` },
    apply: (list) => list.slice(n),
  })),
};

/** Steps from a list to something else, which end a chain. */
export const lastSteps: Readonly<Record<string, StepKind>> = {
  sum: () => ({
    ...{ words: 'gives the sum', code: '.reduce((a, b) => a + b, 0)' },
    apply: (list) => list.reduce((a, b) => a + b, 0),
  }),
  product: () => ({
    ...{ words: 'gives the product', code: '.reduce((a, b) => a * b, 1)' },
    apply: (list) => list.reduce((a, b) => a * b, 1),
  }),
  count: () => ({ words: 'counts them', code: '.length', apply: (list) => list.length }),
  join: () => ({ words: 'joins them with a dash', code: ".join('-')", apply: (list) => list.join('-') }),
  some: (random) => {
    const n = between(random, 1, 9);
    return { words: `tells if any is ${n}`, code: `.includes(${n})`, apply: (list) => list.includes(n) };
  },
  every: (random) => {
    const n = between(random, 1, 9);
    return {
      ...{ words: `tells if all are above ${n}`, code: `.every((x) => x > ${n})` },
      apply: (list) => list.every((x) => x > n),
    };
  },
};
