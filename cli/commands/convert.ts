import type { Command } from '../command.ts';
import { overwriteOption, parseOverwrite, value } from '../options/options.ts';
import { optional, required, text } from '../options/values.ts';

/** `lambdamax convert`: a checkpoint of another program as a Hugging Face folder. */
export const command: Command = {
  usage: 'convert <file>',
  summary: 'Write a llama2.c checkpoint (.bin, version 0 or 1) as a Hugging Face folder',
  options: {
    out: value('Output', 'DIR', 'folder that gets config.json and model.safetensors'),
    tokenizer: value('Output', 'FILE', 'a tokenizer.json to lie beside them'),
    ...overwriteOption,
  },
  examples: [['convert stories15M.bin --out stories15M', 'for --model stories15M']],
  async run(args, output) {
    const file = required(args, 'file', text);
    const out = required(args, 'out', text);
    const tokenizer = optional(args, 'tokenizer', text);
    const { convertLlama2c } = await import('../../training/convert.ts');
    const { version, parameters, config } = await convertLlama2c(file, {
      ...{ out, overwrite: parseOverwrite(args) },
      ...(tokenizer && { tokenizer }),
    });
    const { layers, hiddenSize, vocabSize } = config;
    output.result({ checkpoint: out, version, parameters, layers, hiddenSize, vocabSize }, () => [
      `${parameters} parameters in ${layers} layers of width ${hiddenSize}, ${vocabSize} tokens`,
      out,
    ]);
  },
};
