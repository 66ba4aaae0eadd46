import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeRandomCheckpoint } from '../../bench/randomCheckpoint.ts';
import { real } from '../../bench/real/real.ts';
import { realLines } from '../../bench/real/rows.ts';
import { tokensOf, writeSetting } from '../../bench/real/setting.ts';
import { parts } from '../../bench/real/subjects.ts';
import { writeByteTokenizer } from '../cases/byteTokenizer.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

const shape = { hidden: 32, intermediate: 64, layers: 2, heads: 2, vocabulary: 264, tied: true } as const;
const template =
  '{% for message in messages %}<{{ message.role }}>{{ message.content }}<eos>{% endfor %}' +
  '{% if add_generation_prompt %}<assistant>{% endif %}';
const measured = { rows: 2, batches: 2, maxLength: 64, tokens: 30, prompts: 3, newTokens: 4 };

/** A random model of bytes with a chat template, and a file of problems. */
async function written(folder: string): Promise<{ readonly model: string; readonly data: string }> {
  const [model, data] = [join(folder, 'model'), join(folder, 'rows.jsonl')];
  await mkdir(model);
  await writeRandomCheckpoint(model, { ...shape, rows: 1, length: 8, rank: 2 });
  await writeByteTokenizer(model);
  await writeFile(join(model, 'chat_template.jinja'), template);
  const rows = Array.from({ length: 8 }, (_, k) => ({
    question: `What is ${k} and ${3 * k}?`,
    answer: `It is ${4 * k}${' indeed'.repeat(k % 3)}.`,
  }));
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  return { model, data };
}

test('every part is measured on a checkpoint and rows of the user', () =>
  inTemporaryFolder(async (folder) => {
    const said: string[] = [];
    const options = { ...measured, ...(await written(folder)), parts, threads: [1], rounds: 2, repeats: 1 };
    const found = await real({ ...options, peers: false }, (line) => said.push(line));
    const starts = ['pissa', 'milora', 'olora', 'lora-ga'].map((method) => `start of ${method}`);
    const searches = ['lambdaMax', 'lambdaMax', 'lambdaMax'];
    assert.equal(
      found.rows.map(({ quantity }) => quantity),
      ['step', 'product', ...searches, ...starts, 'generation'],
    );
    for (const row of found.rows) {
      const who = `${row.quantity} of ${row.subject}`;
      assert.ok(row.isOurs && row.milliseconds > 0 && row.cpuMilliseconds > 0 && row.peakMegabytes > 20, who);
      assert.ok(row.setupMilliseconds > 0 && row.firstResultMilliseconds >= row.setupMilliseconds, who);
      assert.ok(row.quantity === 'generation' || (row.loss! > 3 && row.loss! < 10), who);
    }
    const [step, product] = found.rows;
    assert.is(step!.runs.length, 2);
    assert.is(step!.millisecondsPerRow, step!.milliseconds / 2);
    assert.ok(product!.millisecondsPerToken! < product!.millisecondsPerRow!);
    // Every start keeps the function of the base.
    const losses = found.rows.filter(({ quantity }) => starts.includes(quantity)).map(({ loss }) => loss!);
    assert.ok(Math.max(...losses) / Math.min(...losses) - 1 < 1e-4, `${losses}`);
    assert.match(
      realLines(found).join('\n'),
      /step, 1 thread: AdamW.*\n.*lambdaMax, 1 thread: .* 30 of them scored\n.*by its own bound/s,
    );
    assert.ok(said.some((line) => /^lambdaMax, threads 1: lambdamax, first time: .* products$/.test(line)));
  }));

test('a setting holds exactly the scored tokens that were asked for, and prompts that end before the response', () =>
  inTemporaryFolder(async (folder) => {
    const given = await written(folder);
    const setting = await writeSetting(join(folder, 'setting'), { ...measured, ...given });
    assert.is(tokensOf(setting.searched).scored, 30);
    assert.is(setting.rows.length, 4);
    assert.is(setting.prompts.length, 3);
    for (const [index, prompt] of setting.prompts.entries()) {
      const { inputIds, labels } = setting.rows[index]!;
      assert.equal(prompt, inputIds.slice(0, prompt.length));
      assert.ok(labels.slice(1, prompt.length).every((label) => label < 0) && labels[prompt.length]! >= 0);
    }
    const much = { ...measured, ...given, tokens: 1e5 };
    await throwsClearly(
      () => writeSetting(join(folder, 'other'), much),
      /scored tokens of .*rows\.jsonl: expected 100000 at least/,
    );
    const many = { ...measured, ...given, rows: 5 };
    await throwsClearly(
      () => writeSetting(join(folder, 'other'), many),
      /rows of .*rows\.jsonl: expected 10 at least, got 8/,
    );
  }));

test.run();
