import { ArgumentError } from '../../errors.ts';
import { openFile } from '../checkpoint/byteSource.ts';
import { type ConvertGgufOptions, type ConvertGgufResult, convertGguf } from './gguf/convert.ts';
import { ggufMagic } from './gguf/header.ts';
import { type ConvertLlama2cResult, convertLlama2c } from './llama2c.ts';

/** How a checkpoint of another program is converted. A llama2.c checkpoint is always written in F32. */
export type ConvertOptions = ConvertGgufOptions;

/** What was converted, and of which format. */
export type ConvertResult =
  | ({ readonly format: 'gguf' } & ConvertGgufResult)
  | ({ readonly format: 'llama2c' } & ConvertLlama2cResult);

/** Writes a GGUF file or a llama2.c checkpoint, whichever it is, as a Hugging Face folder. Throws as `convertGguf` and `convertLlama2c`. */
export async function convertCheckpoint(file: string, options: ConvertOptions): Promise<ConvertResult> {
  if (await isGguf(file)) return { format: 'gguf', ...(await convertGguf(file, options)) };
  const { dtype = 'F32' } = options;
  if (dtype !== 'F32')
    throw new ArgumentError({ subject: '`dtype` for a llama2.c checkpoint', expected: 'F32', got: dtype });
  return { format: 'llama2c', ...(await convertLlama2c(file, options)) };
}

async function isGguf(file: string): Promise<boolean> {
  const source = await openFile(file);
  try {
    const start = await source.read(0, Math.min(source.byteLength, ggufMagic.length));
    return new TextDecoder('latin1').decode(start) === ggufMagic;
  } finally {
    await source.close();
  }
}
