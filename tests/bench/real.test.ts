import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { productDifference, requireLosses, sameTexts } from '../../bench/real/agreement.ts';
import { inTurns, type RealMeasured, type RealReport } from '../../bench/real/measure.ts';
import { realLines, rowOf } from '../../bench/real/rows.ts';
import { comparisons, missingPeers, parts, type RealSubject } from '../../bench/real/subjects.ts';
import { describeMachine } from '../../bench/rows.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

const report: RealReport = {
  losses: [1.5],
  setupMilliseconds: 8000,
  firstMilliseconds: 9000,
  milliseconds: [1000],
  cpuMilliseconds: [1900],
  peakMegabytes: 500,
};
const subject = (name: string, isOurs: boolean): RealSubject => ({ name, isOurs, command: 'none', arguments: [] });
const measured = (name: string, reports: readonly RealReport[]): RealMeasured => ({
  subject: subject(name, name === 'lambdamax'),
  reports,
  result: '',
});

test('a row has medians over all runs, and the set-up of the first round apart', () => {
  const reports = [
    { ...report, setupMilliseconds: 20000, milliseconds: [4000, 1000] },
    { ...report, milliseconds: [3000] },
    { ...report, setupMilliseconds: 10000, milliseconds: [2000], peakMegabytes: 700 },
  ];
  const row = rowOf('step', 2, measured('lambdamax', reports), { words: '', tokens: 500, rows: 4 }, '');
  assert.is(row.milliseconds, 2500);
  assert.is(row.millisecondsPerToken, 5);
  assert.is(row.millisecondsPerRow, 625);
  assert.is(row.firstSetupMilliseconds, 20000);
  assert.is(row.setupMilliseconds, 9000);
  assert.is(row.peakMegabytes, 700);
});

test("beside each peer's time, set-up and memory stands the ratio of ours to it", () => {
  const other = { ...report, milliseconds: [2000], setupMilliseconds: 4000, peakMegabytes: 1000 };
  const rows = [measured('lambdamax', [report]), measured('peft sdpa', [other])].map((one) =>
    rowOf('step', 2, one, { words: '', tokens: 500, rows: 4 }, ''),
  );
  const machine = describeMachine({});
  const amounts = { step: { words: '4 rows' } };
  const lines = realLines({ machine, model: 'model', data: 'rows.jsonl', amounts, rows });
  assert.ok(lines.includes('step, 2 threads: 4 rows'));
  assert.match(
    lines.at(-1)!,
    /^peft sdpa +2\.00 +0\.50 +1\.90 +1\.00 +4\.00 +0\.50 +4\.00 +2\.00 +4\.00 +9\.00 +1000 +0\.50 +1\.500000$/,
  );
});

test('a loss that is not ours to 1e-4 is refused by the name of who has it', async () => {
  requireLosses('peft sdpa, step', [1.50001], [1.5, 1.4]);
  await throwsClearly(
    () => requireLosses('peft sdpa, step', [1.5, 1.401], [1.5, 1.4]),
    /^peft sdpa, step: expected the loss 1\.4 to/,
  );
  await throwsClearly(() => requireLosses('peft sdpa, step', [Number.NaN], [1.5]), /peft sdpa/);
});

test('products are compared in norm, texts token by token', () =>
  inTemporaryFolder(async (folder) => {
    const at = async (name: string, values: readonly number[]) => {
      const result = join(folder, name);
      await writeFile(result, Float32Array.from(values));
      return { ...measured(name, [report]), result };
    };
    const ours = await at('lambdamax', [3, 4]);
    assert.is(Math.round(1e6 * (await productDifference('torch', await at('torch', [3, 4.0005]), ours))), 100);
    const far = await at('jax', [3, 5]);
    await throwsClearly(() => productDifference('jax', far, ours), /^jax: expected the vector/);

    const texts = (tokens: number[][]) => measured('any', [{ ...report, tokens }]);
    assert.is(sameTexts(texts([[1, 2], [3, 5], [4]]), texts([[1, 2], [3, 4], [4]])), 2);
  }));

test('a peer whose package is missing is named, and so is one that fails; the others are measured', async () => {
  const peers = { subjects: [], command: 'python3', versions: { torch: '2', peft: '0.21', transformers: '5' } };
  const missing = missingPeers(parts, peers);
  assert.equal(
    [...missing],
    [
      ['jax', ['jax linearize (product)']],
      ['hessian-eigenthings', ['hessian-eigenthings (lambdaMax)']],
    ],
  );
  const [product] = comparisons('product', peers);
  assert.equal(
    product!.subjects.map(({ name }) => name),
    ['lambdamax', 'torch retained'],
  );
  assert.is(comparisons('starts', peers).length, 4);

  const says = `console.log(JSON.stringify(${JSON.stringify(report)}))`;
  const works = { ...subject('works', true), command: process.execPath, arguments: ['-e', says, '--'] };
  const fails = { ...works, name: 'fails', isOurs: false, arguments: ['-e', 'process.exit(3)', '--'] };
  const task = { setting: '', model: '', threads: 1, repeats: 1, kept: '' };
  const said: string[] = [];
  const comparison = { part: 'step', quantity: 'step' } as const;
  const found = await inTurns({ ...comparison, subjects: [works, fails] }, 2, task, (line) => said.push(line));
  assert.equal(
    found.map((one) => [one.subject.name, one.reports.length]),
    [['works', 2]],
  );
  assert.is(said.filter((line) => /^left out: fails, step: .*exit code 3/.test(line)).length, 1);
  await throwsClearly(
    () => inTurns({ ...comparison, subjects: [{ ...fails, isOurs: true }] }, 1, task, () => {}),
    /^fails, step/,
  );
});

test.run();
