import type { ConvertResult } from '../../training/convert/convert.ts';
import type { Command } from '../command.ts';
import { overwriteOption, parseOverwrite, value } from '../options/options.ts';
import { choice, optional, required, text } from '../options/values.ts';

const dtypes = { float32: 'F32', bfloat16: 'BF16', f32: 'F32', bf16: 'BF16' } as const;

const quantisedNote =
  'the weights were quantised: losses, curvature and learning rates found with them are those of the quantised weights, not of the ' +
  'model that they were made from';

/** `lambdamax convert`: a checkpoint of another program as a Hugging Face folder. */
export const command: Command = {
  usage: 'convert <file>',
  summary: 'Write a GGUF file of llama.cpp, or a llama2.c checkpoint (.bin), as a Hugging Face folder',
  options: {
    out: value('Output', 'DIR', 'folder that gets config.json, model.safetensors, and the tokenizer of a GGUF file'),
    dtype: value(
      'Output',
      'NAME',
      'of the weights: float32 or bfloat16 (also f32, bf16); the smaller one that loses nothing if not given',
    ),
    tokenizer: value('Output', 'FILE', 'a tokenizer.json to lie beside them, in the place of the one in a GGUF file'),
    ...overwriteOption,
  },
  examples: [
    ['convert SmolLM2-135M-Instruct.Q4_1.gguf --out smollm2', 'for --model smollm2'],
    ['convert stories15M.bin --out stories15M', 'a llama2.c checkpoint of version 0 or 1'],
  ],
  async run(args, output) {
    const file = required(args, 'file', text);
    const out = required(args, 'out', text);
    const tokenizer = optional(args, 'tokenizer', text);
    const dtype = optional(args, 'dtype', choice(['float32', 'bfloat16', 'f32', 'bf16']));
    const { convertCheckpoint } = await import('../../training/convert/convert.ts');
    const progress = output.progress(1, 'weights');
    const converted = await convertCheckpoint(file, {
      ...{ out, overwrite: parseOverwrite(args) },
      ...(dtype && { dtype: dtypes[dtype] }),
      ...(tokenizer && { tokenizer }),
      onWeight: (done, total) => {
        progress.setTotal(total);
        progress.update(done);
      },
    }).finally(() => progress.stop());
    const { parameters, config } = converted;
    const { layers, hiddenSize, vocabSize } = config;
    output.result({ checkpoint: out, ...ownFields(converted), parameters, layers, hiddenSize, vocabSize }, () => [
      `${parameters} parameters in ${layers} layers of width ${hiddenSize}, ${vocabSize} tokens`,
      ...ownLines(converted),
      out,
    ]);
    if (converted.format === 'gguf' && converted.isQuantised) output.warn(quantisedNote);
  },
};

/** What the result says beside sizes. */
function ownFields(converted: ConvertResult): object {
  const { format } = converted;
  if (format === 'llama2c') return { format, version: converted.version };
  const { architecture, dtype, types, isQuantised: quantised, hasTokenizer: tokenizer } = converted;
  return { format, architecture, dtype, types, quantised, tokenizer };
}

function ownLines(converted: ConvertResult): string[] {
  if (converted.format === 'llama2c') return [];
  const { architecture, dtype, types, hasTokenizer } = converted;
  const counts = Object.entries(types).map(([name, count]) => `${count} in ${name}`);
  return [
    `${architecture}: ${counts.join(', ')}; written in ${dtype}`,
    ...(hasTokenizer ? [] : ['no tokenizer: data must hold token ids']),
  ];
}
