import type { Command } from '../command.ts';
import { overwriteOption, parseOverwrite, value } from '../options/options.ts';
import { choice, optional, required, text } from '../options/values.ts';

const dtypes = { float32: 'F32', bfloat16: 'BF16', f32: 'F32', bf16: 'BF16' } as const;

/** What nobody should overlook in a checkpoint whose weights were quantised. */
const quantisedNote =
  'the weights were quantised: losses, curvature and rates are those of the quantised weights, not of the model they were made from';

/** `lambdamax convert`: a checkpoint of another program as a Hugging Face folder. */
export const command: Command = {
  usage: 'convert <file>',
  summary: 'Write a GGUF file of llama.cpp, or a llama2.c checkpoint (.bin), as a Hugging Face folder',
  options: {
    out: value('Output', 'DIR', 'folder that gets config.json, model.safetensors and the tokenizer'),
    dtype: value(
      'Output',
      'NAME',
      'of the weights: float32 or bfloat16 (f32, bf16); if not given, the smaller one that loses nothing',
    ),
    tokenizer: value(
      'Output',
      'FILE',
      'a tokenizer.json to lie beside them; if not given, the one that a GGUF file has',
    ),
    ...overwriteOption,
  },
  examples: [
    [
      'convert SmolLM2-135M-Instruct.Q4_1.gguf --out smollm2',
      'for --model smollm2; a quantised model stays what its quantised weights are',
    ],
    ['convert stories15M.bin --out stories15M', 'a llama2.c checkpoint'],
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
    const { parameters, config, ...rest } = converted;
    const { layers, hiddenSize, vocabSize } = config;
    output.result({ checkpoint: out, ...rest, parameters, layers, hiddenSize, vocabSize }, () => [
      `${parameters} parameters in ${layers} layers of width ${hiddenSize}, ${vocabSize} tokens`,
      ...(converted.format === 'gguf' ? ggufLines(converted) : []),
      out,
    ]);
    if (converted.format === 'gguf' && converted.isQuantised) output.warn(quantisedNote);
  },
};

function ggufLines({
  architecture,
  types,
  dtype,
  hasTokenizer,
}: {
  readonly architecture: string;
  readonly types: Readonly<Record<string, number>>;
  readonly dtype: string;
  readonly hasTokenizer: boolean;
}): string[] {
  const counts = Object.entries(types).map(([name, count]) => `${count} ${name}`);
  return [
    `${architecture}, weights in ${counts.join(', ')}, written in ${dtype}`,
    ...(hasTokenizer ? [] : ['no tokenizer: rows must hold token ids']),
  ];
}
