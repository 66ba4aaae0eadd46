import { lastSteps, listSteps, type StepKind } from '../tasks/code/steps.ts';
import { between, capital, choose } from '../tasks/world/words.ts';
import type { Writer } from './writer.ts';

const steps: readonly (readonly [name: string, kind: StepKind])[] = Object.entries({ ...listSteps, ...lastSteps });

/** Small JavaScript functions of one step, each with what it does in words behind it. */
export const programs: readonly Writer[] = [
  (random) => {
    const [name, make] = choose(random, steps);
    const { words, code } = make(random);
    return `function ${name}(list) {\n  return list${code};\n}\n// ${name} ${words}.`;
  },
  (random) => {
    const [name, make] = choose(random, steps);
    const { words, code } = make(random);
    return `const ${name} = (list) => list${code}; // ${words}`;
  },
  (random) => {
    const [, make] = choose(random, steps);
    const { words, code } = make(random);
    return `${capital(words)}: list${code}`;
  },
  (random) => {
    const n = between(random, 1, 9);
    const [name, words, code] = choose(random, [
      ['add', `adds ${n}`, `x + ${n}`],
      ['take', `takes away ${n}`, `x - ${n}`],
      ['times', `gives ${n} times x`, `x * ${n}`],
      ['rest', `gives what is left over by ${n + 1}`, `x % ${n + 1}`],
      ['most', `gives ${n} or x, the bigger one`, `Math.max(x, ${n})`],
      ['least', `gives ${n} or x, the smaller one`, `Math.min(x, ${n})`],
    ] as const);
    return `function ${name}(x) {\n  return ${code};\n}\n// ${name} ${words}.`;
  },
  (random) => {
    const n = between(random, 2, 5);
    const [name, words, code] = choose(random, [
      ['loud', 'makes all letters big', '.toUpperCase()'],
      ['quiet', 'makes all letters small', '.toLowerCase()'],
      ['size', 'counts the letters', '.length'],
      ['start', `takes the first ${n} letters`, `.slice(0, ${n})`],
      ['again', `says it ${n} times`, `.repeat(${n})`],
    ] as const);
    return `const ${name} = (text) => text${code}; // ${words}`;
  },
];
