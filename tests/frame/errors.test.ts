import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as analysis from '../../analysis/index.ts';
import { inOptions } from '../../cli/options/fields.ts';
import * as compute from '../../compute/index.ts';
import { ArgumentError, LambdamaxError } from '../../errors.ts';
import * as training from '../../training/index.ts';
import { shippedFolders, sourcesIn } from '../cases/sources.ts';

test('every entry of the library exports the errors that it throws', () => {
  for (const entry of [analysis, compute, training]) {
    assert.is(entry.LambdamaxError, LambdamaxError);
    assert.is(entry.ArgumentError, ArgumentError);
  }
});

/** What other programs are called with, in words and code of the library. */
const ofOthers =
  /^--(build-from-source|version|no-deps|ignore-scripts|import|wheel|input-type)$|^--(known|held|depth)\b/;

test('the library speaks of its own fields, never of options of the command line', () => {
  const folders = shippedFolders.filter((folder) => folder !== 'cli');
  // This one reads checkpoints that were written when it was otherwise.
  const isBound = ({ path }: { readonly path: string }) =>
    path.endsWith('.ts') && path !== 'training/finetune/runSettings.ts';
  const library = sourcesIn(...folders).filter(isBound);
  const found = library.flatMap(({ path, text }) =>
    [...text.matchAll(/(?<![\w-])--[a-z][\w-]*/g)]
      .filter(([option]) => !ofOthers.test(option))
      .map(([option]) => `${path} says ${option}`),
  );
  assert.equal(found, []);
});

const options = { rank: {}, ranks: {}, 'batch-sizes': {}, lr: {}, precision: {}, columns: {}, as: {} };
const argument = (subject: string, remedy?: string) =>
  new ArgumentError({ subject, expected: 'x', ...(remedy && { remedy }) });

const translated: readonly (readonly [error: LambdamaxError, words: string])[] = [
  [argument('rank'), '--rank: expected x'],
  [argument('learningRate'), '--lr: expected x'],
  // A study takes lists.
  [argument('batchSize'), '--batch-sizes: expected x'],
  [argument('`rank` for q_proj'), '--rank for q_proj: expected x'],
  [argument('loss', "try `precision: 'float64'`"), 'loss: expected x; try --precision float64'],
  [argument('it', 'say `columns: ignore=x y`'), 'it: expected x; say --columns ignore=x y'],
  [argument('it', '`mergeIntoBase` instead'), 'it: expected x; --as checkpoint instead'],
  // A field that the command has no option for, and a command to run.
  [argument('topP', 'lower `topP`, or `pip install`'), 'topP: expected x; lower `topP`, or `pip install`'],
  // A file may be called as it likes.
  [new LambdamaxError({ subject: 'rank', expected: 'a file' }), 'rank: expected a file'],
];

for (const [error, words] of translated)
  test(`the command line says: ${words}`, () => assert.is(inOptions(error, options), words));

test.run();
