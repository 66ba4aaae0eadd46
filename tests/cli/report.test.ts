import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { faultsOf, figuresOf } from '../cases/pages.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

/** Calls `body` with the folder of a short run whose sharpness was measured. */
const afterRun = (body: (run: string, folder: string) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(3, 1));
    const run = join(folder, 'run');
    await resultOf(
      ...['finetune', '--model', referencePath('models/llama'), '--threads', '1', '--data', data, '--batch-size', '3'],
      ...['--method', 'lora', '--rank', '2', '--lr', '1e-2', '--steps', '4', '--sharpness-every', '2', '--out', run],
    );
    await body(run, folder);
  });

test(
  'report --run writes a page into the folder of the run, with its sharpness',
  afterRun(async (run) => {
    const result = await resultOf<{ report: string; steps: number; sharpness: string }>('report', '--run', run);
    assert.is(result.report, join(run, 'report.html'));
    assert.is(result.steps, 4);
    assert.match(result.sharpness, /^λmax of the Hessian went from [\d.]+ after step 2 to [\d.]+ after step 4/);
    const page = await readFile(result.report, 'utf8');
    assert.equal(faultsOf(page), []);
    assert.equal(Object.keys(figuresOf(page)), ['loss', 'sharpness', 'hessian', 'learning-rate', 'gradient-norm']);
  }),
);

test(
  'figure writes one of them, as a page that saves it as SVG, for paper, as its data, or as a specification',
  afterRun(async (run, folder) => {
    const [page, specification] = [join(folder, 'sharpness.html'), join(folder, 'sharpness.json')];
    const figure = ['figure', '--run', run, '--name', 'sharpness', '--out'];
    assert.equal(await resultOf(...figure, page), { figure: page, name: 'sharpness' });
    const html = await readFile(page, 'utf8');
    assert.equal(faultsOf(html), []);
    assert.equal(Object.keys(figuresOf(html)), ['sharpness']);
    // It may be shown to anybody: no path of this machine's stands in it.
    assert.match(html, /<h1>Run run<\/h1>/);
    assert.not.ok(html.includes(folder));
    assert.match(html, /"toImageButtonOptions":\{"format":"svg","filename":"sharpness"\}/);
    await resultOf(...figure, specification);
    const { data, layout } = JSON.parse(await readFile(specification, 'utf8')) as ReturnType<typeof figuresOf>[string];
    assert.equal(data, figuresOf(html).sharpness!.data);
    assert.match((layout.title as { text: string }).text, /^<b>Sharpness /);

    const paper = ['--width', '3.3in', '--font-size', '8'];
    const starts: Record<string, RegExp> = {
      svg: /^<svg /,
      pdf: /^%PDF-1/,
      png: /^.PNG/,
      csv: /^series,step,sharpness/,
    };
    for (const [format, start] of Object.entries(starts)) {
      const out = join(folder, `sharpness.${format}`);
      assert.equal(await resultOf(...figure, out, ...paper), { figure: out, name: 'sharpness' });
      assert.match((await readFile(out)).toString('latin1'), start);
    }
    // 3.3 inches, and text that is 8 of 72 parts of an inch high.
    const svg = await readFile(join(folder, 'sharpness.svg'), 'utf8');
    const [, width] = /width="3.3in".*? viewBox="0 0 ([\d.]+) /.exec(svg)!;
    const sizes = [...svg.matchAll(/font-size="([\d.]+)"/g)].map(
      ([, size]) => (Number(size) * 3.3 * 72) / Number(width),
    );
    assert.ok(sizes.length > 5 && sizes.every((size) => Math.abs(size - 8) < 0.01), `${sizes}`);

    await failsClearly(
      [...figure, join(folder, 'a.jpg')],
      2,
      /--out: expected .*\.html, \.json, .*\.csv, got .*a\.jpg/,
    );
    await failsClearly([...figure, page, '--width', '3'], 2, /--width: expected .*3\.3in or 84mm, got 3/);
    await failsClearly([...figure, page, '--format', 'jpg'], 2, /--format: expected one of html, .*got jpg/);
    await failsClearly(figure.with(4, 'lambda-max').concat(page), 2, /--name: .*loss, sharpness.*got lambda-max/);
  }),
);

test('what there is nothing to report of is named', () =>
  inTemporaryFolder(async (folder) => {
    await failsClearly(['report', '--run', folder], 1, /metrics\.jsonl: .*no such file/);
    await failsClearly(['report'], 2, /--study: expected a study folder, --csv FILE or --run DIR/);
    await failsClearly(['report', folder, '--run', folder], 2, /--study and --run: expected one of them/);
    await failsClearly(['figure', folder, '--name', 'prediction', '--out', 'a.html'], 1, /study\.json/);
  }));

test.run();
