/** The template `alpaca`, that of Stanford Alpaca, under which MetaMath and LLM-Adapters train as well. */
export const alpacaTemplateName = 'alpaca';

/**
 * An instruction, and an input where it has one, as Alpaca puts them to a model; the response follows without a space.
 * @see https://github.com/tatsu-lab/stanford_alpaca, PROMPT_DICT in train.py
 */
export function alpacaPrompt(instruction: string, input = ''): string {
  const given = input === '' ? '' : `\n\n### Input:\n${input}`;
  const context = input === '' ? '' : ', paired with an input that provides further context';
  return (
    `Below is an instruction that describes a task${context}. Write a response that appropriately completes the request.` +
    `\n\n### Instruction:\n${instruction}${given}\n\n### Response:`
  );
}
