import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readAllTensors, writeSafetensors } from '../../training/checkpoint/safetensors.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, type StoredRow, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly } from '../oracles/commands.ts';

// What users get wrong, each with the exit code and the words that must name it. Whatever happens, no file may be left.

type Options = readonly string[];
type Prepare = (folder: string) => Promise<Options> | Options;
type Case = readonly [what: string, prepare: Prepare, code: 1 | 2, ...patterns: RegExp[]];

// Where nobody answers: no test asks the hub itself.
process.env.HF_ENDPOINT = 'http://127.0.0.1:59999';

const model = referencePath('models/llama');
const [row, other] = randomRows(2, 1) as [StoredRow, StoredRow];

/** The command line of each command that needs nothing but what a case breaks; a case's own options come last and count. */
const commands = {
  evaluate: (data: string) => ['evaluate', '--model', model, '--threads', '1', '--data', data],
  finetune: (data: string, folder: string) => [
    ...['finetune', '--model', model, '--threads', '1', '--data', data, '--out', join(folder, 'out')],
    ...['--rank', '4', '--lr', '1e-3', '--steps', '2', '--quiet'],
  ],
  spectrum: (data: string) => ['spectrum', '--model', model, '--threads', '1', '--data', data, '--rank', '2'],
  study: (data: string, folder: string) => [
    ...[
      'study',
      '--model',
      model,
      '--threads',
      '1',
      '--workers',
      '1',
      '--data',
      data,
      '--study',
      join(folder, 'study'),
      '--quiet',
    ],
    ...['--methods', 'lora', '--rank', '2', '--lr', '1e-3,1e-2', '--steps', '2', '--tolerance', '0.2'],
  ],
  pretrain: (_: string, folder: string) => ['pretrain', '--out', join(folder, 'out'), '--steps', '1', '--quiet'],
  predict: () => ['predict'],
  report: () => ['report'],
} as const;

function refuses(command: keyof typeof commands, cases: readonly Case[]): void {
  for (const [what, prepare, code, ...patterns] of cases)
    test(`${command} refuses ${what}`, () =>
      inTemporaryFolder(async (folder) => {
        const data = await writeRows(folder, [row, other], 'good.jsonl');
        const options = await prepare(folder);
        const before = await readdir(folder, { recursive: true });
        await failsClearly([...commands[command](data, folder), ...options], code, ...patterns);
        assert.equal(await readdir(folder, { recursive: true }), before, 'files were left behind');
      }));
}

/** `--data` with these rows. */
const rows =
  (...given: readonly unknown[]): Prepare =>
  async (folder) => ['--data', await writeRows(folder, given, 'bad.jsonl')];
/** `option` with a file of this text. */
const file =
  (option: string, name: string, text: string): Prepare =>
  async (folder) => {
    await writeFile(join(folder, name), text);
    return [option, join(folder, name)];
  };
/** `option` with a copy of a reference folder that is changed. */
const changed =
  (option: string, source: string, change: (copy: string) => Promise<void>): Prepare =>
  async (folder) => {
    const copy = join(folder, 'changed');
    await cp(referencePath(source), copy, { recursive: true });
    await change(copy);
    return [option, copy];
  };
const cutShort = (source: string, name: string, length: number, option: string): Prepare =>
  changed(option, source, async (copy) => {
    const bytes = await readFile(join(copy, name));
    await writeFile(join(copy, name), bytes.subarray(0, length < 0 ? bytes.length + length : length));
  });
const edited = (option: string, source: string, name: string, changes: object): Prepare =>
  changed(option, source, async (copy) => {
    const path = join(copy, name);
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...changes }));
  });
const config = (changes: object): Prepare => edited('--model', 'models/llama', 'config.json', changes);
const adapter = 'adapters/llama/lora/init';
const adapterConfig = (changes: object): Prepare => edited('--adapter', adapter, 'adapter_config.json', changes);
const typed =
  (...options: Options): Prepare =>
  () =>
    options;

refuses(
  'evaluate',
  [0, 7, 8, 100, 2000, 50_000, -1].map((length): Case => {
    const cut = cutShort('models/llama', 'model.safetensors', length, '--model');
    return [`weights cut at ${length} bytes`, cut, 1, /changed\/model\.safetensors: .* got \d+ bytes; .*cut short/];
  }),
);

refuses('evaluate', [
  ['another architecture', config({ model_type: 'gptx' }), 1, /config\.json: .*model_type: .*llama.*, got gptx/],
  ['more layers than there are', config({ num_hidden_layers: 3 }), 1, /changed: expected tensor model\.layers\.2\./],
  ['a width that is not the weights’', config({ intermediate_size: 64 }), 1, /gate_proj.*\[64, 32\].*\[48, 32\]/],
  ['a vocabulary that is not the weights’', config({ vocab_size: 300 }), 1, /embed_tokens.*\[300, 32\].*\[97, 32\]/],
  ['a missing config', changed('--model', 'models/llama', (copy) => rm(join(copy, 'config.json'))), 1, /config\.json/],
  ['missing weights', changed('--model', 'models/llama', (copy) => rm(join(copy, 'model.safetensors'))), 1, /weights/],
  [
    'a model that is not there',
    typed('--model', 'org/name'),
    1,
    /--model org\/name: .*no such folder; the download failed: .*HF_ENDPOINT/,
  ],
  [
    'a model whose name is none',
    typed('--model', 'no/such/folder'),
    1,
    /--model no\/such\/folder: .*got no such folder$/m,
  ],
  ['a model that is a file', (folder) => ['--model', join(folder, 'good.jsonl')], 1, /good\.jsonl/],

  ['no data', typed('--data', ''), 2, /--data/],
  ['a data file that is not there', typed('--data', 'nowhere.jsonl'), 1, /nowhere\.jsonl: .*no such file/],
  ['a folder of data', (folder) => ['--data', folder], 1, /lambdamax-[^:]*: expected a \.jsonl or \.json file/],
  [
    'a folder in place of a file',
    async (folder) => {
      await mkdir(join(folder, 'folder.jsonl'));
      return ['--data', join(folder, 'folder.jsonl')];
    },
    1,
    /folder\.jsonl: expected a readable file, got a folder/,
  ],
  ['an empty file', file('--data', 'bad.jsonl', ''), 1, /bad\.jsonl: expected at least one row, got none/],
  ['blank lines', file('--data', 'bad.jsonl', '\n \n'), 1, /bad\.jsonl: expected at least one row, got none/],
  ['another format', file('--data', 'bad.csv', 'question,answer\n'), 1, /bad\.csv: expected a \.jsonl or \.json file/],
  ['a .json of no rows', file('--data', 'bad.json', '"rows"'), 1, /bad\.json, line 1: expected an object, got rows/],
  [
    'a .json of columns',
    file('--data', 'bad.json', '{"a":["b"],"c":["d"]}'),
    1,
    /bad\.json: expected rows, got one obj/,
  ],
  [
    'a line that is no JSON',
    file('--data', 'bad.jsonl', `${JSON.stringify(row)}\n\n{"inp\n`),
    1,
    /bad\.jsonl, line 3: .*JSON/,
  ],
  ['a row that is an array', rows(row, [1, 2]), 1, /bad\.jsonl, line 2: expected an object, got \[1,2\]/],
  ['a row that is null', rows(null), 1, /bad\.jsonl, line 1: expected an object/],
  [
    'unknown fields',
    rows({ anything: 'once' }),
    1,
    /row 1 of .*bad\.jsonl: .*question\/answer.*, got anything; .*--template/,
  ],
  [
    'text without a tokenizer',
    rows(row, { question: '?', answer: '!' }),
    1,
    /row 2 of .*bad\.jsonl: .*tokenizer\.json/,
  ],
  [
    'ids beyond the vocabulary',
    rows(row, { ...row, input_ids: row.input_ids.with(4, 97) }),
    1,
    /row 2 of .*below 97, got 97/,
  ],
  [
    'labels beyond the vocabulary',
    rows({ ...row, labels: row.labels.with(4, 970) }),
    1,
    /row 1 of .*below 97, got 970/,
  ],
  [
    'negative ids',
    rows({ ...row, input_ids: row.input_ids.with(4, -1) }),
    1,
    /input_ids of row 1 .*position 4: .*got -1/,
  ],
  ['fractions as ids', rows({ ...row, input_ids: row.input_ids.with(4, 1.5) }), 1, /position 4: .*got 1\.5/],
  ['labels of another length', rows({ ...row, labels: row.labels.slice(1) }), 1, /labels of row 1 of .*bad\.jsonl: /],
  ['rows with nothing to score', rows({ ...row, labels: row.labels.map(() => -100) }), 1, /bad\.jsonl: .*to score/],
  ['rows of no tokens', rows({ input_ids: [], labels: [] }), 1, /bad\.jsonl: .*to score/],
  ['rows cut to what is not scored', typed('--max-length', '3'), 1, /good\.jsonl: .*to score.*--max-length 3/],

  ['--limit 0', typed('--limit', '0'), 2, /--limit: .*>= 1, got 0/],
  ['--max-length 1', typed('--max-length', '1'), 2, /--max-length: .*>= 2, got 1/],
  ['--batch-size 1.5', typed('--batch-size', '1.5'), 2, /--batch-size: .*got 1\.5/],
  ['--threads -1', typed('--threads', '-1'), 2, /--threads: .*got -1/],
  [
    '--precision float16',
    typed('--precision', 'float16'),
    2,
    /--precision: expected one of float32, float64, got float16/,
  ],
  ['--backend jax', typed('--backend', 'jax'), 2, /--backend: expected .*onnx.*, got jax/],
  ['an unknown option', typed('--learning-rate', '1'), 2, /learning-rate; try 'lambdamax evaluate --help'/],
  ['an unknown method', typed('--method', 'lorax'), 2, /--method: expected one of .*pissa.*, got lorax/],

  ['an adapter that is not there', typed('--adapter', 'nowhere'), 1, /nowhere\/adapter_config\.json: .*no such file/],
  [
    'an adapter_config.json cut short',
    cutShort(adapter, 'adapter_config.json', 9, '--adapter'),
    1,
    /adapter_config\.json: .*JSON/,
  ],
  [
    'an adapter_config.json of another kind',
    adapterConfig({ peft_type: 'IA3' }),
    1,
    /peft_type in .*expected [A-Z, or]*\bLORA\b.*got IA3/,
  ],
  ['a rank in words', adapterConfig({ r: 'four' }), 1, /^lambdamax: r in .*adapter_config\.json/],
  ['a rank that is not the tensors’', adapterConfig({ r: 8 }), 1, /module model\.layers\.\S+ in .*\[8, in\].*\[4, /],
  [
    'DoRA without its magnitudes',
    adapterConfig({ use_dora: true }),
    1,
    /lora_magnitude_vector of .*got no such tensor/,
  ],
  [
    'an adapter cut short',
    cutShort(adapter, 'adapter_model.safetensors', 500, '--adapter'),
    1,
    /adapter_model\.safetensors: .*cut short/,
  ],
  [
    'an adapter without tensors',
    changed('--adapter', adapter, (copy) => rm(join(copy, 'adapter_model.safetensors'))),
    1,
    /adapter_model/,
  ],
]);

/** The reference adapter with other names and shapes, as if it had been trained on another model. */
const adapterOf = (change: (name: string, shape: readonly number[]) => [name: string, shape: readonly number[]]) =>
  changed('--adapter', adapter, async (copy) => {
    const path = join(copy, 'adapter_model.safetensors');
    const tensors = [...(await readAllTensors(path))].map(([name, tensor]) => {
      const [newName, shape] = change(name, tensor.shape);
      return [newName, { shape, values: new Float32Array(shape[0]! * shape[1]!) }] as const;
    });
    await writeSafetensors(path, new Map(tensors), { format: 'pt' });
  });

refuses('evaluate', [
  [
    'an adapter of a wider model',
    adapterOf((name, [out, inputs]) => [name, name.includes('lora_A') ? [out!, inputs! + 8] : [out! + 8, inputs!]]),
    1,
    /tensor model\.layers\.\S+ of the adapter in .*changed: expected shape .*trained on this model/,
  ],
  [
    'an adapter of a deeper model',
    adapterOf((name, shape) => [name.replace('layers.1.', 'layers.7.'), shape]),
    1,
    /module model\.layers\.7\.\S+ of the adapter in .*changed: .*no such module; .*trained on this model/,
  ],
]);

refuses('finetune', [
  ['neither --method nor --adapter', typed(), 2, /--method: .*or --adapter DIR, got neither/],
  ...['0', '-1e-3', 'NaN', 'abc', 'Infinity', '1e-3,1e-2', ''].map(
    (rate): Case => [`--lr ${rate || 'of nothing'}`, typed('--method', 'lora', '--lr', rate), 2, /--lr: expected a /],
  ),
  ['--steps 0', typed('--method', 'lora', '--steps', '0'), 2, /--steps: .*got 0/],
  ['--steps and --epochs', typed('--method', 'lora', '--epochs', '1'), 2, /--steps and --epochs: expected one of them/],
  [
    'a rank that no matrix has',
    typed('--method', 'lora', '--rank', '33'),
    1,
    /--rank for model\.layers\.0\.\S+: .*1 to 32, got 33/,
  ],
  [
    'modules that are not there',
    typed('--method', 'lora', '--target-modules', 'x_proj'),
    1,
    /"x_proj": .*q_proj.* got no match/,
  ],
  [
    'a validation file that is empty',
    async (folder) => ['--method', 'lora', ...(await file('--validation', 'bad.jsonl', '')(folder))],
    1,
    /bad\.jsonl: expected at least one row/,
  ],
  [
    'a validation file that is not there',
    typed('--method', 'lora', '--validation', 'nowhere.jsonl'),
    1,
    /nowhere\.jsonl/,
  ],
  [
    '--out below a file',
    (folder) => ['--method', 'lora', '--out', join(folder, 'good.jsonl', 'run')],
    1,
    /good\.jsonl\/run: /,
  ],
  [
    '--out that is a file',
    (folder) => ['--method', 'lora', '--out', join(folder, 'good.jsonl')],
    1,
    /good\.jsonl: .*got a file/,
  ],
  ['--out where no folder can be', typed('--method', 'lora', '--out', '/proc/run/out'), 1, /\/proc\/run\/out: /],
]);

refuses('spectrum', [
  ['neither --method nor --adapter', typed(), 2, /--method: .*got neither/],
  ['--tolerance 0', typed('--method', 'lora', '--tolerance', '0'), 2, /--tolerance: .*got 0/],
  [
    '--modules that is no pattern',
    typed('--method', 'lora', '--modules', '(q'),
    2,
    /--modules: expected a regular expression/,
  ],
  [
    'another operator',
    typed('--method', 'lora', '--operator', 'fisher'),
    2,
    /--operator: expected one of hessian, .*adam, got fisher/,
  ],
]);

refuses('study', [
  ['a negative rate', typed('--lr', '1e-3,-1e-2'), 2, /--lr: .*got -0\.01; every rate must be/],
  ['a rate of zero', typed('--lr', '0'), 2, /--lr: .*got 0; every rate must be/],
  ['a rate that is no number', typed('--lr', 'NaN'), 2, /--lr: /],
  ['too many rates', typed('--lr', 'range(1e-5,1,1e-5)'), 2, /--lr: .*at most 200/],
  ['an unknown method', typed('--methods', 'lora,lorax'), 2, /--methods: expected one of .*, got lorax/],
  ['an unknown --method', typed('--method', 'lorax'), 2, /--methods?: expected one of .*, got lorax/],
  ['a rank that no matrix has', typed('--rank', '99'), 1, /--rank for model\.layers\.0\./],
  ['a folder below a file', (folder) => ['--study', join(folder, 'good.jsonl', 'study')], 1, /good\.jsonl\/study: /],
  ['a folder that is a file', (folder) => ['--study', join(folder, 'good.jsonl')], 1, /good\.jsonl: .*got a file/],
  [
    'a validation file that is empty',
    file('--validation', 'bad.jsonl', ''),
    1,
    /bad\.jsonl: expected at least one row/,
  ],
]);
for (const command of ['study', 'predict', 'report'] as const)
  refuses(command, [
    ...(['{"version": 1, "model"', '', '[]', '{"version": 2}'] as const).map(
      (text): Case => [
        `a study.json of ${text || 'nothing'}`,
        async (folder) => {
          await mkdir(join(folder, 'broken'));
          await writeFile(join(folder, 'broken', 'study.json'), text);
          return ['--study', join(folder, 'broken')];
        },
        1,
        /broken\/study\.json: expected (valid JSON|the plan of a study, version 1)/,
      ],
    ),
  ]);

refuses('predict', [
  ['neither --study nor --csv', typed(), 2, /--study: .*--csv FILE, got neither/],
  ['a folder without a study', (folder) => [folder], 1, /study\.json: .*no such file/],
  ['a table that is not there', typed('--csv', 'nowhere.csv'), 1, /nowhere\.csv: .*no such file/],
  ['a folder in place of a table', (folder) => ['--csv', folder], 1, /: expected a readable CSV file, got a folder/],
  ['an empty table', file('--csv', 'bad.csv', ''), 1, /bad\.csv: expected a table with a header, got an empty file/],
  ['a negative rate', file('--csv', 'bad.csv', 'method,learningRate,score\na,-1,2\n'), 1, /bad\.csv line 2: .*got -1/],
  [
    'another --better',
    typed('--csv', 'sweep.csv', '--better', 'up'),
    2,
    /--better: expected one of lower, higher, got up/,
  ],
  ['--better of a study', typed('study', '--better', 'lower'), 2, /--study and --better: expected one of them/],
  [
    'a table that does not show which way is better',
    file('--csv', 'bad.csv', 'method,learningRate,score\na,1,3\na,2,2\na,3,1\n'),
    1,
    /bad\.csv: .*--better/,
  ],
]);

refuses('pretrain', [
  ['heads that do not divide the width', typed('--hidden', '16', '--heads', '3'), 2, /--hidden: .*3 --heads, got 16/],
  ['heads of an odd size', typed('--hidden', '6', '--heads', '2'), 2, /--hidden: expected an even number .*got 6/],
  ['shared heads that do not divide', typed('--heads', '4', '--key-value-heads', '3'), 2, /--key-value-heads: .*got 3/],
  ['a vocabulary without room for the bytes', typed('--vocabulary', '257'), 2, /--vocabulary: .*>= 258, got 257/],
  [
    '--out below a file',
    (folder) => ['--vocabulary', '258', '--out', join(folder, 'good.jsonl', 'x')],
    1,
    /good\.jsonl\/x: /,
  ],
]);

test.run();
