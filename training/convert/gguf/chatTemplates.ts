import { join } from 'node:path';
import { chatTemplateFolder } from '../../checkpoint/checkpoint.ts';
import type { Metadata } from './metadata.ts';

/**
 * The chat templates of a GGUF file by the names of their files in a Hugging Face folder. Throws a LambdamaxError that names the field
 * for a template whose name is no file's.
 */
export function chatTemplatesOf(metadata: Metadata): ReadonlyMap<string, string> {
  const key = 'tokenizer.chat_template';
  const templates = new Map<string, string>();
  const usual = metadata.text(key);
  if (usual !== undefined) templates.set('chat_template.jinja', usual);
  for (const name of metadata.texts('tokenizer.chat_templates') ?? []) {
    if (!/^\w[\w-]{0,99}$/.test(name))
      throw metadata.fault('tokenizer.chat_templates', 'names of letters, digits, - and _', name);
    const template = metadata.text(`${key}.${name}`);
    if (template !== undefined) templates.set(join(chatTemplateFolder, `${name}.jinja`), template);
  }
  return templates;
}
