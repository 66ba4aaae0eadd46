/**
 * Our half of an exchange of adapters with PEFT on the reference's tiny checkpoints; `peer.py` beside it is the other.
 *
 *     node --import tsx tests/exchange/peft.ts write DIR   # what fine-tuning leaves of every method, and its logits
 *     node --import tsx tests/exchange/peft.ts read DIR    # those that PEFT wrote into DIR, with the logits that it gives
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { viewTensors } from '../../compute/index.ts';
import { type Adapter, createAdapter } from '../../training/adapters/create.ts';
import { loadAdapter } from '../../training/adapters/files/files.ts';
import { adapterMethod, adapterMethods } from '../../training/adapters/index.ts';
import type { AdapterMethod } from '../../training/adapters/method.ts';
import { writeSafetensors } from '../../training/checkpoint/safetensors.ts';
import { toBatch } from '../../training/data/batches.ts';
import { finetuneInFolder } from '../../training/finetune/runFolder.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import type { Model } from '../../training/model.ts';
import { referenceModel, referenceRows } from '../cases/reference.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

const architectures = ['llama', 'qwen3', 'gpt2', 'phi3'];
/** Settings beyond the usual ones that PEFT writes down. */
const more = [
  'gralora:k=4:hybrid=2',
  'miss:form=bat',
  'miss:form=mini:mini_r=4',
  'pissa:niter=4',
  'lora-ga:as=peft:direction=ArBr',
  'corda:mode=kpm',
  'eva:rho=2',
];
/** Also with ranks and alphas that differ. */
const patterned = ['lora', 'rslora', 'dora', 'pissa', 'init-ab'];
const rankPattern = { 'layers.0.self_attn.q_proj': 2, c_fc: 3, gate_up_proj: 3 };
/** Forms on residual weights that none of our methods has. */
const variants = ['rslora residual', 'dora residual'];
/** Both compute in float32, in another order; logits are of the order of 1. */
const tolerance = 2e-5;

/** Logits [rows, length, vocabulary] at the reference batch's tokens, padding included. */
async function logitsOf(model: Model, architecture: string, adapter: Adapter) {
  const batch = toBatch(referenceRows(architecture), { length: 12, precision: model.precision });
  const executable = await model.logits(adapter.layout, batch);
  const trained = viewTensors(adapter.parameters, layoutTensors(adapter.layout));
  const feeds = new Map([...trained, ...adapter.weights, ...Object.entries(batch.inputs)]);
  const values = (await executable.run(feeds)).get('logits') as Float32Array;
  return { shape: [batch.rows, batch.length, values.length / batch.rows / batch.length], values };
}

async function write(directory: string): Promise<void> {
  for (const architecture of architectures) {
    await using model = await referenceModel(architecture, 'float32');
    const rows = referenceRows(architecture);
    const adapters = [...adapterMethods.map(({ name }) => name), ...more, ...variants, ...patterned];
    for (const [index, name] of adapters.entries()) {
      const method = variants.includes(name) ? residualVariant(name) : name;
      const isPatterned = index >= adapters.length - patterned.length;
      const adapter = await createAdapter(model, {
        ...{ method, rank: 4, alpha: 6, rows },
        ...(isPatterned && { rankPattern, alphaPattern: { 'layers.1.mlp.down_proj': 3, 'h.0.attn.c_attn': 5 } }),
      });
      const folder = join(directory, architecture, `${name.replaceAll(':', ' ')}${isPatterned ? ' patterns' : ''}`);
      const { adapter: left } = await finetuneInFolder(
        ...([model, adapter, rows, { ...shortRun, schedule: 'constant' }, folder] as const),
      );
      if (left === null) throw new Error(`${architecture}, ${name}: nothing is left`);
      const logits = await logitsOf(model, architecture, adapter);
      await writeSafetensors(join(folder, 'logits'), new Map([['logits', logits]]));
    }
  }
}

const shortRun = {
  ...{ optimizer: 'adamw', learningRate: 1e-2, steps: 3, warmupSteps: 0, batchSize: 3, seed: 0, shuffle: false },
};

/** A form of ours under the initial values of Init[AB]: what a user's own file may be. */
function residualVariant(name: string): AdapterMethod {
  const { form } = adapterMethod(name.replace(' residual', ''));
  const { initialise, ...initAb } = adapterMethod('init-ab');
  return {
    ...{ ...initAb, name, form },
    async initialise(context) {
      const magnitudes = form.tensors(context.shape, context.size).length > 2;
      const norms = magnitudes ? await adapterMethod('dora').initialise(context) : new Map();
      return new Map([...norms, ...(await initialise(context))]);
    },
  };
}

async function read(directory: string): Promise<void> {
  let worst = 0;
  let count = 0;
  for (const architecture of await readdir(directory)) {
    await using model = await referenceModel(architecture, 'float32');
    for (const name of await readdir(join(directory, architecture))) {
      const folder = join(directory, architecture, name);
      const { values } = await logitsOf(model, architecture, await loadAdapter(model, folder));
      const expected = storedTensors(pathToFileURL(join(folder, 'logits'))).get('logits')!;
      const error = largestDifference(architecture, values, expected.values, expected.shape[2]!);
      if (!(error < tolerance)) throw new Error(`${architecture}, ${name}: our logits are ${error} from PEFT's`);
      worst = Math.max(worst, error);
      count++;
    }
  }
  if (count < 30) throw new Error(`PEFT wrote ${count} adapters only`);
  console.log(`${count} adapters that PEFT wrote give its logits here, to ${worst.toExponential(1)}`);
}

/** At the tokens; what padding gets means nothing. */
function largestDifference(
  architecture: string,
  values: ArrayLike<number>,
  expected: ArrayLike<number>,
  vocabulary: number,
): number {
  if (values.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [row, { inputIds }] of referenceRows(architecture).entries())
    for (let index = row * 12 * vocabulary; index < (row * 12 + inputIds.length) * vocabulary; index++)
      largest = Math.max(largest, Math.abs(values[index]! - expected[index]!));
  return largest;
}

const [action, directory] = process.argv.slice(2);
if (action === 'write') await write(directory!);
else if (action === 'read') await read(directory!);
else throw new Error('expected: write DIR, or read DIR');
