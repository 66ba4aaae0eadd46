import type { Command } from '../command.ts';
import { openModel } from '../options/inputs.ts';
import { residualMethodNames } from '../options/names.ts';
import { modelOptions, overwriteOption, parseModel, parseOverwrite, value } from '../options/options.ts';
import { UsageError } from '../options/usageError.ts';
import { choice, optional, required, text } from '../options/values.ts';

const dtypes = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

/** `lambdamax merge`: an adapter as a checkpoint, or as a plain LoRA. */
export const command: Command = {
  usage: 'merge',
  summary: 'Merge an adapter into its base, or make a plain LoRA of one that stands on residual weights',
  options: {
    ...modelOptions,
    adapter: value('Adapter', 'DIR', 'PEFT adapter folder'),
    method: value('Adapter', 'FILE.ts', 'your own variant, if the adapter was made with one'),
    out: value('Output', 'DIR', 'folder that gets the checkpoint, or the adapter'),
    ...overwriteOption,
    as: value(
      'Output',
      'KIND',
      async () =>
        `checkpoint; lora: of twice the rank where the adapter stands on residual weights (${await residualMethodNames()}), ` +
        'which has forgotten the point that training went on from',
      'checkpoint',
    ),
    dtype: value('Output', 'NAME', `of the checkpoint: ${Object.keys(dtypes).join(', ')}; as in the base if not given`),
  },
  examples: [
    ['merge --adapter runs/dora/adapter --out merged', 'a checkpoint that needs no PEFT'],
    ['merge --adapter runs/pissa/adapter --as lora --out plain', 'to train all of its ranks on as a LoRA'],
  ],
  async run(args, output) {
    const folder = required(args, 'adapter', text);
    const method = optional(args, 'method', text);
    const out = required(args, 'out', text);
    const overwrite = parseOverwrite(args);
    const as = required(args, 'as', choice(['checkpoint', 'lora']));
    const dtype = optional(args, 'dtype', choice(['float32', 'float16', 'bfloat16']));
    if (as === 'lora' && dtype !== undefined)
      throw new UsageError({ subject: '--dtype', expected: 'no such option with --as lora', got: dtype });
    await using model = await openModel(
      { ...parseModel(args), precision: 'float32', backend: 'onnx', threads: 0 },
      output,
    );
    const { loadAdapter, saveAdapter } = await import('../../training/adapters/files/files.ts');
    const { loadMethod } = await import('../../training/adapters/methodFile.ts');
    const adapter = await loadAdapter(model, folder, method === undefined ? undefined : await loadMethod(method));
    if (as === 'lora') {
      const { isAdapterFile } = await import('../../training/adapters/files/peftFolder.ts');
      const { requireNoResults } = await import('../../training/checkpoint/resultFolder.ts');
      const { toPlainLora } = await import('../../training/adapters/files/plainLora.ts');
      await requireNoResults(out, { isResult: isAdapterFile, overwrite });
      const plain = await toPlainLora(model, adapter);
      await saveAdapter(model, plain, out, { overwrite });
      const modules = plain.layout.modules.size;
      output.result({ adapter: out, as, modules }, () => [`a plain LoRA of ${modules} modules`, out]);
      return;
    }
    const { mergeIntoBase } = await import('../../training/merge.ts');
    const merged = await mergeIntoBase(model, adapter, out, { overwrite, ...(dtype && { dtype: dtypes[dtype] }) });
    output.result({ checkpoint: out, as, ...merged }, () => [
      `${merged.modules + merged.replaced} of ${merged.tensors} weights changed by ${adapter.method.name}`,
      out,
    ]);
  },
};
