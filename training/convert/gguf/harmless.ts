/** Notes on where a model comes from and how its file was made, after `general.`. */
const notes =
  /^general\.(?:name|basename|finetune|size_label|version|organization|author|description|quantized_by|license(?:\.\w+)?|url|doi|uuid|repo_url|languages?|tags|datasets|file_type|source\..*|base_model\..*|dataset\..*|sampling\..*)$/;

/** What llama.cpp measured for the quantisation of a file. */
const importance = /^quantize\.imatrix\./;

/** Tokens that take part in no text here: for code with a gap, and for files of code. */
const gaps = /^tokenizer\.ggml\.(?:fim_\w+|prefix|suffix|middle|bot|dot|eog)_token_id$/;

/** Fields that do not change what a model computes of tokens, or how it splits texts. */
export function isHarmless(key: string): boolean {
  return notes.test(key) || importance.test(key) || gaps.test(key) || others.includes(key);
}

const others = [
  // Another writing of the tokenizer that the file has in full.
  'tokenizer.huggingface.json',
];
