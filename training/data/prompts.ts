import { LambdamaxError } from '../../errors.ts';
import type { DataRow } from './files/rows.ts';
import { isGiven } from './sequences.ts';
import { alpacaPrompt, alpacaTemplateName } from './template/alpaca.ts';

/** Which fields make the prompt and the response of a row of text. */
export interface PromptOptions {
  /**
   * The prompt as a text with `{field}` placeholders, in place of the default `Question: ...\nAnswer:`; or `chat`, or
   * `alpaca`.
   */
  readonly template?: string;
  /** The field of the prompt. */
  readonly promptField?: string;
  /** The field of the response. */
  readonly responseField?: string;
}

/** A row as the two texts of an example; their concatenation is what the model sees. */
export interface TextExample {
  /** Null: the text is the whole, all of it is scored. */
  readonly prompt: string | null;
  readonly response: string;
  /** The fields of the row that these are made of. */
  readonly fields: readonly string[];
}

/** Fields that are recognised, the first set that a row has. `more` is put on a line of its own below the prompt. */
const fieldSets: readonly FieldSet[] = [
  { prompt: 'instruction', more: 'input', response: 'output' },
  { prompt: 'question', response: 'answer' },
  { prompt: 'query', response: 'response' },
  { prompt: 'prompt', response: 'completion', isRaw: true },
];

interface FieldSet {
  readonly prompt: string;
  readonly more?: string;
  readonly response: string;
  /** Whether the texts are taken as they stand, with nothing around them and nothing between them. */
  readonly isRaw?: boolean;
}

/** The field of a text that is scored as a whole. */
const textField = 'text';

/**
 * The prompt and the response of a row of text. By default `Question: <prompt>\nAnswer:` and ` <response>`; a template that
 * ends in white space gets the response without the space. `prompt` and `completion` follow each other as they stand, and a
 * `text` has no prompt, as in TRL. Throws a LambdamaxError that names the row (`subject`) and the field.
 */
export function toTextExample(row: DataRow, subject: string, options: PromptOptions): TextExample {
  const { template, promptField, responseField } = options;
  const set = fieldSetOf(row);
  if (template === undefined && promptField === undefined && responseField === undefined) {
    if (set === undefined && isGiven(row, textField))
      return { prompt: null, response: textOf(row, textField, subject), fields: [textField] };
    if (set?.isRaw) {
      const fields = [set.prompt, set.response];
      const [prompt, response] = fields.map((field) => textOf(row, field, subject)) as [string, string];
      return { prompt, response, fields };
    }
  }
  const response = responseOf(row, subject, options);
  if (template === alpacaTemplateName || template === undefined) {
    const asked = promptOf(row, subject, options);
    const fields = [...asked.fields, ...response.fields];
    return template === undefined
      ? { prompt: `Question: ${asked.text}\nAnswer:`, response: ` ${response.text}`, fields }
      : { prompt: alpacaPrompt(asked.prompt, asked.more), response: response.text, fields };
  }
  const used = [...response.fields];
  const prompt = fill(template, row, subject, used);
  return { prompt, response: `${/\s$/.test(prompt) ? '' : ' '}${response.text}`, fields: used };
}

/** The text of the response, and its field. */
export function responseOf(
  row: DataRow,
  subject: string,
  options: PromptOptions,
): { readonly text: string; readonly fields: readonly string[] } {
  const field = options.responseField ?? responseFieldOf(row, options);
  if (field === undefined) throw unknownFields(row, subject);
  return { text: textOf(row, field, subject), fields: [field] };
}

/** The text of a prompt, without any template around it. */
export interface PromptText {
  readonly prompt: string;
  /** What belongs below it, empty if nothing does. */
  readonly more: string;
  /** Both. */
  readonly text: string;
  /** The fields of the row that it is made of. */
  readonly fields: readonly string[];
}

/** Reads the prompt of a row. Throws a LambdamaxError that names the row (`subject`) and the field. */
export function promptOf(row: DataRow, subject: string, { promptField }: PromptOptions): PromptText {
  const set = promptField === undefined ? fieldSetOf(row) : { prompt: promptField };
  if (set === undefined) throw unknownFields(row, subject);
  const prompt = textOf(row, set.prompt, subject);
  const { more: below } = set as FieldSet;
  const more = below !== undefined && isGiven(row, below) ? textOf(row, below, subject) : '';
  const fields = [set.prompt, ...(below === undefined ? [] : [below])];
  return { prompt, more, text: more === '' ? prompt : `${prompt}\n${more}`, fields };
}

/** The set of which a row has both fields, else the one whose prompt it has. */
function fieldSetOf(row: DataRow): FieldSet | undefined {
  const having = fieldSets.filter(({ prompt }) => isGiven(row, prompt));
  return having.find(({ response }) => isGiven(row, response)) ?? having[0];
}

/** The response field that belongs to the row's prompt; beside a prompt of the user's own, any known response field. */
function responseFieldOf(row: DataRow, { template, promptField }: PromptOptions): string | undefined {
  const set = promptField === undefined ? fieldSetOf(row) : undefined;
  if (set !== undefined && Object.hasOwn(row, set.response)) return set.response;
  const own = template !== undefined || promptField !== undefined;
  return own ? fieldSets.find(({ response }) => Object.hasOwn(row, response))?.response : undefined;
}

/** The template with every `{field}` replaced; braces around anything but a name stay as they are. */
function fill(template: string, row: DataRow, subject: string, used: string[]): string {
  return template.replace(/\{([A-Za-z_][\w-]*)\}/g, (_, field: string) => {
    used.push(field);
    return textOf(row, field, subject);
  });
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
    expected: `fields input_ids/labels, messages, ${sets.join(', ')}, ${textField}`,
    got: Object.keys(row).join(', ') || 'no fields',
    remedy: 'name them with `promptField` and `responseField`, or with `template`',
  });
}
