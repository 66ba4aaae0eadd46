import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { tinyStudy } from '../cases/tinyStudy.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

/** A tiny study's command line without some of its options. */
async function without(folder: string, names: readonly string[], ...more: readonly string[]): Promise<string[]> {
  const argv = await tinyStudy(folder);
  const kept = argv.filter((_, at) => !names.includes(argv[at]!) && !names.includes(argv[at - 1]!));
  return [...kept, '--study', join(folder, 'study'), ...more];
}

const wrongUsage: readonly [left: string[], given: string[], words: RegExp][] = [
  [['--rank'], ['--ranks', '2,x'], /--ranks: expected a whole number >= 1, got x/],
  [['--rank'], ['--ranks', ''], /--ranks: expected a value, got an empty one/],
  [['--rank'], ['--ranks', '2,'], /--ranks: expected a whole number >= 1, got nothing/],
  [['--rank'], ['--rank', '4', '--ranks', '2'], /--rank and --ranks: expected one of them, got both/],
  // Though it is what would be taken anyway.
  [['--rank'], ['--rank', '8', '--ranks', '2'], /--rank and --ranks: expected one of them, got both/],
  [
    ['--batch-size'],
    ['--batch-size', '8', '--batch-sizes', '2'],
    /--batch-size and --batch-sizes: expected one of them/,
  ],
  [[], ['--optimizer', 'adamw', '--optimizers', 'sgd'], /--optimizer and --optimizers: expected one of them, got both/],
  [[], ['--alphas', '2r,0'], /--alphas: expected a number > 0, or 2r for twice the rank, got 0/],
  [[], ['--alphas', '0.0r'], /--alphas: expected a number > 0, or 2r for twice the rank, got 0\.0r/],
  [
    [],
    ['--target-modules', 'q_proj;'],
    /--target-modules: expected names of layers or a regular expression, got nothing/,
  ],
  [[], ['--target-modules', 'q_proj;('], /--target-modules: expected names of layers or a regular expression, got \(/],
  [['--seeds'], ['--seeds', '1,x'], /--seeds: expected a whole number >= 0, got x/],
  [['--seeds'], ['--seed', '3', '--seeds', '1,2'], /--seed and --seeds: expected one of them, got both/],
  [[], ['--optimizers', 'adamw,nope'], /--optimizers: expected one of adam, .*, got nope/],
  [[], ['--schedules', 'cosine,nope'], /--schedules: expected one of constant, cosine, linear, got nope/],
  [[], ['--epochs', '1'], /--steps and --epochs: expected one of them, got both/],
  [['--steps'], ['--steps', '2,0'], /--steps: expected a whole number >= 1, got 0/],
  [['--methods'], ['--methods', 'lora,nope'], /--methods: expected one of .*, got nope/],
  [
    ['--rank', '--methods'],
    ['--ranks', '2,4', '--configurations', 'ROWS'],
    /--ranks: expected one value beside --configurations/,
  ],
  [[], ['--configurations', 'ROWS'], /--methods: expected one value beside --configurations, got \["lora","pissa"\]/],
];

test('a wrong list is wrong usage: one line names its option, and nothing is written', () =>
  inTemporaryFolder(async (folder) => {
    const rows = join(folder, 'rows.json');
    await writeFile(rows, '[{ "method": "pissa" }]');
    for (const [left, more, words] of wrongUsage) {
      const given = more.map((text) => (text === 'ROWS' ? rows : text));
      await failsClearly(await without(folder, left, ...given), 2, words);
      assert.not(existsSync(join(folder, 'study')), given.join(' '));
    }
  }));

const wrongRows: readonly [content: string, words: RegExp][] = [
  ['{nope', /rows\.json: expected valid JSON/],
  ['[]', /rows\.json: expected a list of objects, each with some of method, rank, .*, got \[\]/],
  ['null', /rows\.json: expected a list of objects, .*, got null/],
  ['{ "rank": 2 }', /rows\.json: expected a list of objects, .*, got \{"rank":2\}/],
  ['[null]', /configuration 1 of .*rows\.json: expected an object with some of .*, got null/],
  ['[{ "rank": 2 }, { "ranks": 2 }]', /configuration 2 of .*rows\.json: expected some of .*batchSize, got ranks/],
  ['[{ "rank": "8" }]', /rank of configuration 1 of .*rows\.json: expected a whole number >= 1, got "8"/],
  ['[{}, { "steps": 0 }]', /steps of configuration 2 of .*rows\.json: expected a whole number >= 1, got 0/],
  ['[{ "alpha": null }]', /alpha of configuration 1 of .*rows\.json: expected a number > 0, .*, got null/],
  ['[{}, { "method": "nope" }]', /method of configuration 2 of .*rows\.json: expected one of .*lora.*, got nope/],
  ['[{ "optimizer": "nope" }]', /optimizer of configuration 1 of .*rows\.json: expected one of adam, .*, got "nope"/],
];

test('a wrong file of configurations is named with the row and the field, and nothing is written', () =>
  inTemporaryFolder(async (folder) => {
    const rows = join(folder, 'rows.json');
    for (const [content, words] of wrongRows) {
      await writeFile(rows, content);
      await failsClearly(await without(folder, ['--methods'], '--configurations', rows), 1, words);
      assert.not(existsSync(join(folder, 'study')), content);
    }
  }));

interface Study {
  readonly runs: number;
  readonly added: number;
  readonly points: readonly { readonly configuration: string; readonly optimum: object }[];
}

test('what is there twice counts once; rows take what they do not say from the options; results.csv says all of it', () =>
  inTemporaryFolder(async (folder) => {
    const cheap = ['--predictors', 'none', '--curvature-tokens', '10'];
    const [first, again] = [
      ['--ranks', '2,4,2', '--seeds', '0,0', '--alphas', '2r', ...cheap],
      ['--seeds', '0,0', '--alphas', '2r', ...cheap, '--configurations', join(folder, 'rows.json')],
    ];
    const left = ['--methods', '--rank', '--seeds', '--lr'];
    const rates = ['--lr', '1e-3,1e-2'];
    const product = await resultOf<Study>(
      ...(await without(folder, left, ...first!, ...rates, '--methods', 'lora,lora')),
    );
    assert.equal([product.runs, product.added], [4, 4]);
    await writeFile(
      join(folder, 'rows.json'),
      '[{ "rank": 2 }, { "rank": 4, "alpha": 8 }, { "rank": 2 }, { "rank": 4 }]',
    );
    const rows = await resultOf<Study>(...(await without(folder, left, ...again!, ...rates)));
    assert.equal([rows.runs, rows.added], [4, 0]);
    assert.equal(rows.points, product.points);
    const { points } = await resultOf<Study>(
      'predict',
      '--csv',
      join(folder, 'study', 'results.csv'),
      '--better',
      'lower',
    );
    const known = (all: Study['points']) => all.map(({ configuration, optimum }) => [configuration, optimum]);
    assert.equal(known(points), known(product.points));
  }));

test.run();
