import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Special tokens of the byte tokenizer. */
export const special = { pad: 0, bos: 1, eos: 2 } as const;

/** Letters that stand for bytes in byte-level BPE: printable ones for themselves, the rest from U+0100 on, in order. */
function byteLetters(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/**
 * A tokenizer.json of byte-level BPE, by hand: pad, bos, eos, byte b as token 3 + b, and one merge, `he` (token 259). Texts
 * with special tokens start with bos, as Llama's.
 */
export function byteTokenizer(): Record<string, unknown> {
  const specials = Object.entries(special).map(([name, id]) => ({
    id,
    content: `<${name}>`,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }));
  const tokens = [...specials.map(({ content }) => content), ...byteLetters(), 'he'];
  const bos = { SpecialToken: { id: '<bos>', type_id: 0 } };
  return {
    version: '1.0',
    added_tokens: specials,
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [bos, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [bos, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<bos>': { id: '<bos>', ids: [special.bos], tokens: ['<bos>'] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [['h', 'e']],
    },
  };
}

/** Writes tokenizer.json and a tokenizer_config.json that names the eos token. */
export async function writeByteTokenizer(folder: string): Promise<void> {
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '<eos>', bos_token: '<bos>' }));
}
