import { bytesPerEntry, decode } from '../../compute/dtypes.ts';
import type { WeightLocation } from '../../compute/program.ts';
import { sizeOf, type TensorSpec } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import { openFile } from './byteSource.ts';
import type { Checkpoint } from './checkpoint.ts';

/** The weights that a model asks for, by the names of its class in transformers. */
export interface WeightNames {
  readonly weights: readonly TensorSpec[];
  /** The first part of the names of all but the output projection: `model`. Files of a base model alone leave it out. */
  readonly basePrefix: string;
  readonly embeddingName: string;
  /** The output projection's weight; the model asks for it only where it is not the embedding matrix. */
  readonly headName: string;
}

/** The two names that a file may have for a tensor or module, the class's own first: with the base prefix, and without. */
function spellings(name: string, { basePrefix }: Pick<WeightNames, 'basePrefix'>): readonly [string, string] {
  const start = `${basePrefix}.`;
  return [name, name.startsWith(start) ? name.slice(start.length) : start + name];
}

/** The one of the known names that a file's name for a tensor or module stands for, or undefined. */
export function knownName(
  name: string,
  known: { has(name: string): boolean },
  names: Pick<WeightNames, 'basePrefix'>,
): string | undefined {
  return spellings(name, names).find((spelling) => known.has(spelling));
}

/**
 * Whether a checkpoint holds an output projection with other values than the embedding matrix has. transformers then ties the
 * two no more, whatever config.json says.
 */
export async function hasOwnHead(checkpoint: Checkpoint, names: WeightNames): Promise<boolean> {
  const stored = new Set(checkpoint.names());
  const [head, embedding] = [names.headName, names.embeddingName].map((name) => knownName(name, stored, names));
  return head !== undefined && embedding !== undefined && !(await haveSameValues(checkpoint, head, embedding));
}

/**
 * A checkpoint whose tensors are called as the model calls them, and hold no others: a name may be stored without the base
 * prefix, and of a tied pair either. `unused` are tensors of the file that nothing asks for. Throws a LambdamaxError that
 * names a tensor that is missing, one that is stored twice with different values, and one that belongs to a part of the
 * model which has no such tensor: that file was written for another function than its config.json describes.
 */
export async function underModelNames(
  checkpoint: Checkpoint,
  names: WeightNames,
): Promise<{ readonly checkpoint: Checkpoint; readonly unused: readonly string[] }> {
  const stored = new Set(checkpoint.names());
  const found = new Map<string, string>();
  for (const { name } of names.weights) found.set(name, await findStored(checkpoint, stored, name, names));
  const unused = unusedTensors(stored, found, names);
  const parts = new Set(names.weights.map(({ name }) => partOf(name)));
  const alien = unused.find((name) => {
    return spellings(name, names).some((spelling) => [...parts].some((part) => spelling.startsWith(`${part}.`)));
  });
  if (alien !== undefined)
    throw new LambdamaxError({
      subject: `tensor ${alien} in ${checkpoint.directory}`,
      expected: 'a tensor that the model of config.json has',
      got: 'one that nothing asks for',
      remedy:
        'is a field of config.json missing (a bias, say), or are the weights quantised, or an adapter not merged?',
    });
  const storedName = (name: string): string => found.get(name) ?? name;
  return {
    checkpoint: {
      ...checkpoint,
      names: () => [...found.keys()],
      shapeOf: (name) => checkpoint.shapeOf(storedName(name)),
      locate: (name) => checkpoint.locate(storedName(name)),
      read: (name, precision) => checkpoint.read(storedName(name), precision),
    },
    unused,
  };
}

/** The name under which a file holds one of the model's weights. */
async function findStored(
  checkpoint: Checkpoint,
  stored: ReadonlySet<string>,
  name: string,
  names: WeightNames,
): Promise<string> {
  const there = (wanted: string) => spellings(wanted, names).filter((spelling) => stored.has(spelling));
  const isTied = names.weights.every((weight) => weight.name !== names.headName);
  // Of a tied pair, save_pretrained keeps whichever of the two it meets first.
  const own = there(name);
  const [first, second] = own.length === 0 && isTied && name === names.embeddingName ? there(names.headName) : own;
  if (first === undefined)
    throw new LambdamaxError({
      ...{ subject: checkpoint.directory, expected: `tensor ${name}`, got: 'no such tensor' },
      ...(name === names.headName && {
        remedy:
          'transformers would fill it with random numbers; if it is the embedding matrix, set tie_word_embeddings in config.json to true',
      }),
    });
  if (second !== undefined && !(await haveSameValues(checkpoint, first, second)))
    throw new LambdamaxError({
      subject: `tensor ${name} in ${checkpoint.directory}`,
      expected: 'one of that name',
      got: `${first} and ${second}, with different values`,
      remedy: 'remove the wrong one',
    });
  return first;
}

/** Tensors that no model computes with: tables and masks which old versions of transformers stored beside the weights. */
const tables = /(?:^|\.)(?:rotary_emb\.(?:inv_freq|cos_cached|sin_cached)|attn\.(?:bias|masked_bias)|position_ids)$/;

function unusedTensors(
  stored: ReadonlySet<string>,
  found: ReadonlyMap<string, string>,
  names: WeightNames,
): readonly string[] {
  const known = new Set([...found.keys(), names.headName].flatMap((name) => spellings(name, names)));
  return [...stored].filter((name) => !known.has(name) && !tables.test(name));
}

/** The block that a weight belongs to, `model.layers.3`, or its own module, `lm_head`. */
function partOf(name: string): string {
  return /^.*?\.\d+(?=\.)/.exec(name)?.[0] ?? name.slice(0, name.lastIndexOf('.'));
}

const entriesPerStep = 2 ** 20;

/** Whether two tensors have one shape and, entry by entry, equal numbers, whatever their dtypes. */
async function haveSameValues(checkpoint: Checkpoint, a: string, b: string): Promise<boolean> {
  const locations = [checkpoint.locate(a), checkpoint.locate(b)] as const;
  const [{ shape }, other] = locations;
  if (shape.join() !== other.shape.join()) return false;
  await using first = await openTensor(locations[0]);
  await using second = await openTensor(locations[1]);
  for (let start = 0; start < sizeOf(shape); start += entriesPerStep) {
    const end = Math.min(start + entriesPerStep, sizeOf(shape));
    const [left, right] = [await first.entries(start, end), await second.entries(start, end)];
    if (left.some((value, index) => value !== right[index])) return false;
  }
  return true;
}

async function openTensor({ file, offset, dtype }: WeightLocation) {
  const source = await openFile(file);
  const at = (entry: number) => offset + entry * bytesPerEntry[dtype];
  return {
    entries: async (start: number, end: number): Promise<Float64Array> =>
      decode(await source.read(at(start), at(end)), dtype, 'float64') as Float64Array,
    [Symbol.asyncDispose]: () => source.close(),
  };
}
