import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine, spawnedCommandLine } from '../cases/commandLine.ts';
import { referenceBatch, referenceJson } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, storedReferenceRows, writeRows } from '../cases/tokenFiles.ts';
import { assertClose } from '../oracles/close.ts';
import { failsClearly, onlyObject, resultOf } from '../oracles/commands.ts';

interface Evaluation {
  readonly loss: number;
  readonly perplexity: number;
  readonly tokens: number;
  readonly rows: number;
  readonly seconds: number;
  readonly rowLosses?: readonly number[];
}

const llama = ['--model', referencePath('models/llama'), '--threads', '1'];
const fields = ['loss', 'perplexity', 'rows', 'seconds', 'tokens'];

for (const architecture of ['llama', 'llama-tied'])
  test(`the loss of ${architecture} and of its rows are transformers', whatever the batch size`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, storedReferenceRows(architecture));
      const expected = referenceBatch(architecture);
      const model = referencePath(`models/${architecture}`);
      for (const batchSize of [1, 2, 3, 8]) {
        const options = ['--model', model, '--data', data, '--batch-size', `${batchSize}`, '--precision', 'float64'];
        const result = await resultOf<Evaluation>('evaluate', ...options, '--per-row', '--threads', '1');
        assert.equal(Object.keys(result).sort(), [...fields, 'rowLosses', 'rowNumbers'].sort());
        assertClose([result.loss], [expected.loss], 1e-9, 'loss');
        assertClose(result.rowLosses!, expected.row_losses, 1e-9, 'row losses');
        assert.is(result.perplexity, Math.exp(result.loss));
        assert.is(result.tokens, expected.valid_tokens);
        assert.is(result.rows, 3);
      }
    }));

for (const point of ['init', 'perturbed'])
  test(`a PEFT folder at its ${point} point gives PEFT's loss`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, storedReferenceRows());
      const reference = 'adapters/llama/lora';
      const { points } = referenceJson<{ points: Record<string, { loss: number }> }>(`${reference}/reference.json`);
      const adapter = ['--adapter', referencePath(`${reference}/${point}`)];
      const result = await resultOf<Evaluation>(
        'evaluate',
        ...llama,
        '--data',
        data,
        ...adapter,
        '--precision=float64',
      );
      assertClose([result.loss], [points[point]!.loss], 1e-9, 'loss');
    }));

for (const method of ['lora', 'pissa', 'milora', 'olora', 'init-ab'])
  test(`a new adapter of ${method} leaves the loss as it is`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, storedReferenceRows());
      const base = await resultOf<Evaluation>('evaluate', ...llama, '--data', data, '--precision', 'float64');
      const options = ['--method', method, '--rank', '4', '--precision', 'float64'];
      const adapted = await resultOf<Evaluation>('evaluate', ...llama, '--data', data, ...options);
      assertClose([adapted.loss], [base.loss], 1e-12, 'loss');
    }));

test('--adapter and --method together are wrong usage', () =>
  failsClearly(
    ['evaluate', ...llama, '--data', 'rows.jsonl', '--method', 'lora', '--adapter', 'adapter'],
    2,
    /--adapter and --method: expected one of them, got both/,
  ));

test('several files are one set of rows, .json as .jsonl, and --limit counts over all of them', () =>
  inTemporaryFolder(async (folder) => {
    const rows = randomRows(7, 1);
    const whole = await writeRows(folder, rows);
    const first = await writeRows(folder, rows.slice(0, 3), 'first.jsonl');
    const second = join(folder, 'second.json');
    await writeFile(second, JSON.stringify(rows.slice(3)));
    const lossOf = (...options: string[]) => resultOf<Evaluation>('evaluate', ...llama, '--per-row', ...options);
    const expected = await lossOf('--data', whole);
    const parts = await lossOf('--data', `${first},${second}`);
    assert.is(parts.rows, 7);
    assert.equal(parts.rowLosses, expected.rowLosses);
    const limited = await lossOf('--data', `${first},${second}`, '--limit', '5');
    assertClose(limited.rowLosses!, expected.rowLosses!.slice(0, 5), 1e-6, 'first rows');
    assert.is((await lossOf('--data', `${first},${second}`, '--limit', '2')).rows, 2);
  }));

test('what is cut or left out is said on standard error', () =>
  inTemporaryFolder(async (folder) => {
    const [long, short] = [{ input_ids: Array(12).fill(5), labels: Array(12).fill(5) }, randomRows(1, 2)[0]!];
    const unscored = { input_ids: [1, 2, 3], labels: [-100, -100, -100] };
    const data = await writeRows(folder, [long, short, unscored]);
    const { code, stdout, stderr } = await commandLine(['evaluate', ...llama, '--data', data, '--max-length', '6']);
    assert.is(code, 0);
    assert.match(stdout, /^loss \d\.\d+ {2}perplexity [\d.]+ {2}\(8 scored tokens in 2 rows, [^\n]+\)\n$/);
    assert.is(
      stderr,
      `cut to 6 tokens, the most a row may have: 2 rows of ${data}\nleft out, with nothing to score: 1 row of ${data}\n`,
    );
  }));

test('in a process of its own, from any folder, standard output is the object and nothing else', () =>
  inTemporaryFolder(async (folder) => {
    await writeRows(folder, storedReferenceRows());
    const outcome = await spawnedCommandLine(
      ['evaluate', ...llama, '--data', 'rows.jsonl', '--json', '--quiet'],
      folder,
    );
    assert.is(outcome.stderr, '');
    assert.equal(Object.keys(onlyObject<Evaluation>(outcome)).sort(), fields);
  }));

test.run();
