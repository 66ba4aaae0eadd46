import type { Command } from '../command.ts';
import { value } from '../options/options.ts';
import { choice, required, text } from '../options/values.ts';
import { shortNumber } from '../words/output.ts';

/** `lambdamax setup`: what a backend needs besides `npm install`. */
export const command: Command = {
  usage: 'setup <backend>',
  summary: "Build TensorFlow.js's native binding against the library in a TensorFlow wheel",
  options: {
    wheel: value('Setup', 'DIR|FILE.whl', 'a wheel from `pip download --no-deps tensorflow` (or tensorflow-cpu)'),
  },
  examples: [
    ['setup tensorflow --wheel tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl', 'for --backend tensorflow'],
  ],
  async run(args, output) {
    required(args, 'backend', choice(['tensorflow'], ' (no other needs any)'));
    const wheel = required(args, 'wheel', text);
    const { buildNativeBinding } = await import('../../compute/backends/nativeBinding.ts');
    const built = await buildNativeBinding(wheel, output.say);
    const { gemmGflops, tensorflowBackend } = await import('../../compute/index.ts');
    const speed = Number(shortNumber(await gemmGflops(tensorflowBackend, 0), 3));
    output.result({ ...built, gemmGflops: speed }, () => [
      `--backend tensorflow works (${speed} GFLOP/s), with the library in ${built.library}: leave it there`,
    ]);
  },
};
