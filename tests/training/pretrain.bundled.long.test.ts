import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfigFile } from '../../training/checkpoint/config.ts';
import { corpusDocuments } from '../../training/corpus/corpus.ts';
import { loadTokenizer } from '../../training/data/tokenizer/tokenizer.ts';
import type { StepMetrics } from '../../training/finetune/metrics.ts';
import { llamaConfig } from '../../training/models/families/llama.ts';
import { pretrain } from '../../training/pretrain.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

const base = new URL('../../fixtures/base/', import.meta.url);
const textOf = (name: string) => readFile(new URL(name, base), 'utf8');

test("the bundled base's command goes the way that its loss curve says", () =>
  inTemporaryFolder(async (out) => {
    const curve = (await textOf('pretraining.jsonl'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as StepMetrics);
    const recorded = curve.slice(0, 2);
    assert.equal(
      recorded.map(({ step }) => step),
      [1, 25],
    );
    const seen: StepMetrics[] = [];
    const enough = new Error('enough');
    const run = pretrain({
      config: llamaConfig(await readConfigFile(base.pathname)),
      tokenizer: await loadTokenizer(base.pathname),
      documents: corpusDocuments(0, Number.POSITIVE_INFINITY),
      ...{ steps: curve.at(-1)!.step, batchSize: 16, length: 128, learningRate: 3e-3, weightDecay: 0.1, seed: 0 },
      ...{ threads: 1, out },
      onStep(metrics) {
        seen.push(metrics);
        if (metrics.step === recorded[1]!.step) throw enough;
      },
    });
    await run.then(
      () => assert.unreachable(),
      (error: unknown) => assert.is(error, enough),
    );
    for (const { step, loss, learningRate } of recorded) {
      const found = seen[step - 1]!;
      assert.ok(Math.abs(found.loss / loss - 1) < 1e-2, `step ${step}: loss ${found.loss}, recorded ${loss}`);
      assert.is(found.learningRate, learningRate);
    }
  }));

test.run();
