import { beforeStop } from '../score.ts';
import type { JudgedProgram } from './sandbox/sandbox.ts';

/** A function to write and how it is tested. */
export interface ProgramTask {
  /** The beginning of the program, which a response continues. */
  readonly prompt: string;
  /** The function's name, if the row has it. */
  readonly entryPoint?: string;
  /** A script that throws unless the function is right, or that defines `check(candidate)` to do so. */
  readonly tests: string;
}

// Where a completion has gone on to something else, as in MultiPL-E's JavaScript.
const stops = ['\nfunction ', '\n/*', '\n//', '\nconsole.log'];

/**
 * A response as a program with its tests, each a script, so that nothing in the one reaches into the other's text. A
 * response in a Markdown fence is the code inside; if that declares the function anew it is the whole program, otherwise the
 * prompt's continuation.
 */
export function judgedProgram({ prompt, entryPoint, tests }: ProgramTask, response: string): JudgedProgram {
  const fenced = /```[^\n]*\n([\s\S]*?)(?:\n```|$)/.exec(response)?.[1];
  const code = fenced ?? beforeStop(response, stops);
  const name = entryPoint ?? declaredName(prompt);
  const isWhole = fenced !== undefined && name !== undefined && declares(code, name);
  const calls = entryPoint !== undefined && declares(tests, 'check') && !/^\s*check\(/m.test(tests);
  return {
    program: isWhole ? code : prompt + code,
    tests: [calls ? `${tests}\ncheck(${entryPoint});` : tests],
    own: name === undefined ? [] : [name],
  };
}

const declarations = '(?:function|const|let|var|class)';

function declares(code: string, name: string): boolean {
  return new RegExp(`${declarations}\\s+${name.replaceAll('$', '\\$')}\\b`).test(code);
}

/** The name that the last declaration of a prompt gives. */
function declaredName(prompt: string): string | undefined {
  return Array.from(prompt.matchAll(new RegExp(`${declarations}\\s+([\\w$]+)`, 'g'))).at(-1)?.[1];
}
