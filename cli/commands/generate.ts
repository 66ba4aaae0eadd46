import { generationDefaults } from '../../training/generate/sampling.ts';
import type { Command } from '../command.ts';
import { parseAdapter } from '../options/adapterOptions.ts';
import { openAdapter, openModel } from '../options/inputs.ts';
import { demand, engineOptions, modelOptions, parseEngine, parseModel, value } from '../options/options.ts';
import { UsageError } from '../options/usageError.ts';
import { number, required, wholeNumber } from '../options/values.ts';

/** `lambdamax generate`: what a model makes of a prompt. */
export const command: Command = {
  usage: 'generate',
  summary: 'Continue a prompt, with or without an adapter',
  options: {
    ...modelOptions,
    adapter: value('Adapter', 'DIR', 'PEFT adapter folder'),
    method: value('Adapter', 'FILE.ts', 'your own variant, if the adapter was made with one'),
    prompt: value('Text', 'TEXT', 'is continued as it is'),
    'max-new-tokens': value('Text', 'N', 'tokens, unless the text ends before', generationDefaults.maxNewTokens),
    temperature: value(
      'Text',
      'X',
      'logits are divided by it before a token is drawn; 0: always the likeliest',
      generationDefaults.temperature,
    ),
    'top-p': value(
      'Text',
      'P',
      'only the likeliest tokens are drawn from, as few as have this probability together',
      generationDefaults.topP,
    ),
    seed: value('Text', 'N', 'seed of what is drawn', generationDefaults.seed),
    ...engineOptions,
  },
  examples: [
    [
      "generate --prompt 'Question: Ann has 13 hats. She finds 24 more. How many hats does Ann have now?\nAnswer:'",
      'greedily',
    ],
    ["generate --adapter runs/my-run/adapter --prompt 'Once' --temperature 0.8 --top-p 0.95 --seed 1", 'drawing'],
  ],
  async run(args, output) {
    // Not trimmed: white space at the end of a prompt decides how it goes on.
    const prompt = demand(args.prompt === undefined ? undefined : String(args.prompt), '--prompt', 'a text');
    const maxNewTokens = required(args, 'max-new-tokens', wholeNumber(1));
    const temperature = required(args, 'temperature', number({ least: 0 }));
    const topP = required(args, 'top-p', number({ above: 0, most: 1 }));
    if (topP < 1 && temperature === 0)
      throw new UsageError({
        subject: '--top-p',
        expected: '--temperature beside it',
        got: 'none',
        remedy: 'nothing is drawn without',
      });
    const seed = required(args, 'seed', wholeNumber(0));
    const adapterChoice = parseAdapter(args);
    if (adapterChoice.method !== undefined && adapterChoice.adapter === undefined)
      throw new UsageError({ subject: '--method', expected: '--adapter beside it', got: 'none' });
    await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
    const adapter = await openAdapter(model, adapterChoice, [], output);
    const { generateTexts } = await import('../../training/generate/generateTexts.ts');
    const started = performance.now();
    const progress = output.progress(maxNewTokens, 'tokens');
    const [generation] = await generateTexts(model, [prompt], {
      ...{ maxNewTokens, temperature, topP, seed, ...(adapter && { adapter }) },
      onProgress: (_, tokens) => progress.update(tokens),
    }).finally(progress.stop);
    const { text, tokens, promptTokens, end } = generation!;
    const seconds = (performance.now() - started) / 1000;
    if (end === 'notFinite') {
      const { requireFiniteWeights } = await import('../../training/finiteLoss.ts');
      await requireFiniteWeights(model);
      output.warn('ended early: the logits are not finite, as those of a diverged adapter');
    }
    output.result({ text, tokens: tokens.length, promptTokens, end, seconds }, () => [text]);
  },
};
