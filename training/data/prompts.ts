import { LambdamaxError } from '../../errors.ts';
import { alpacaPrompt, alpacaTemplateName } from './alpaca.ts';
import type { DataRow } from './rows.ts';

/** Which fields make the prompt and the response of a row of text. */
export interface PromptOptions {
  /**
   * The prompt as a text with `{field}` placeholders, in place of the default `Question: ...\nAnswer:`; or `chat`, or
   * `alpaca`.
   */
  readonly template?: string;
  /** The field of the prompt (`--prompt-field`). */
  readonly promptField?: string;
  /** The field of the response (`--response-field`). */
  readonly responseField?: string;
}

/** A row as the two texts of an example; their concatenation is what the model sees. */
export interface TextExample {
  readonly prompt: string;
  readonly response: string;
}

/** Fields that are recognised, the first set that a row has. `more` is put on a line of its own below the prompt. */
const fieldSets: readonly { readonly prompt: string; readonly more?: string; readonly response: string }[] = [
  { prompt: 'instruction', more: 'input', response: 'output' },
  { prompt: 'question', response: 'answer' },
  { prompt: 'query', response: 'response' },
];

/**
 * The prompt and the response of a row of text. By default `Question: <prompt>\nAnswer:` and ` <response>`; a template that
 * ends in white space gets the response without the space. Throws a LambdamaxError that names the row (`subject`) and the
 * field.
 */
export function toTextExample(row: DataRow, subject: string, options: PromptOptions): TextExample {
  if (options.template === alpacaTemplateName) {
    const [prompt, more] = promptParts(row, subject, options);
    return { prompt: alpacaPrompt(prompt, more), response: responseOf(row, subject, options) };
  }
  const prompt =
    options.template === undefined
      ? `Question: ${promptOf(row, subject, options)}\nAnswer:`
      : fill(options.template, row, subject);
  return { prompt, response: `${/\s$/.test(prompt) ? '' : ' '}${responseOf(row, subject, options)}` };
}

/** The text of the response. */
export function responseOf(row: DataRow, subject: string, options: PromptOptions): string {
  const field = options.responseField ?? responseFieldOf(row, options);
  if (field === undefined) throw unknownFields(row, subject);
  return textOf(row, field, subject);
}

/** The text of the prompt, without any template around it. */
export function promptOf(row: DataRow, subject: string, options: PromptOptions): string {
  const [prompt, more] = promptParts(row, subject, options);
  return `${prompt}${more === '' ? '' : `\n${more}`}`;
}

/** The text of the prompt and what belongs below it, empty if nothing does. */
function promptParts(row: DataRow, subject: string, { promptField }: PromptOptions): [prompt: string, more: string] {
  if (promptField !== undefined) return [textOf(row, promptField, subject), ''];
  const set = fieldSets.find(({ prompt }) => Object.hasOwn(row, prompt));
  if (set === undefined) throw unknownFields(row, subject);
  const more = set.more !== undefined && Object.hasOwn(row, set.more) ? textOf(row, set.more, subject) : '';
  return [textOf(row, set.prompt, subject), more];
}

/** The response field of the set whose prompt the row has; beside a prompt of the user's own, any known response field. */
function responseFieldOf(row: DataRow, { template, promptField }: PromptOptions): string | undefined {
  const own = template !== undefined || promptField !== undefined;
  return fieldSets.find((set) => Object.hasOwn(row, set.response) && (own || Object.hasOwn(row, set.prompt)))?.response;
}

/** The template with every `{field}` replaced; braces around anything but a name stay as they are. */
function fill(template: string, row: DataRow, subject: string): string {
  return template.replace(/\{([A-Za-z_][\w-]*)\}/g, (_, field: string) => textOf(row, field, subject));
}

function textOf(row: DataRow, field: string, subject: string): string {
  const value = Object.hasOwn(row, field) ? row[field] : undefined;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined) {
    throw new LambdamaxError({ subject, expected: `a field ${field}`, got: `fields ${Object.keys(row).join(', ')}` });
  }
  throw new LambdamaxError({ subject: `field ${field} of ${subject}`, expected: 'a text', got: value });
}

function unknownFields(row: DataRow, subject: string): LambdamaxError {
  const sets = fieldSets.map(({ prompt, more, response }) => `${prompt}${more ? `(+${more})` : ''}/${response}`);
  return new LambdamaxError({
    subject,
    expected: `fields input_ids/labels, messages, ${sets.join(', ')}`,
    got: Object.keys(row).join(', ') || 'no fields',
    remedy: 'name them with --prompt-field and --response-field, or with --template',
  });
}
