import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { LambdamaxError } from '../../../errors.ts';
import { convertGguf } from '../../../training/convert/gguf/convert.ts';
import {
  type GgufField,
  type GgufParts,
  ggufBytes,
  plainTensor,
  tinyGguf,
  tinyTokens,
  uint64,
  withFields,
  withTensors,
} from '../../cases/ggufBytes.ts';
import { mutateBytes } from '../../cases/mutations.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const tiny = tinyGguf('llama');
const fields = (changed: Readonly<Record<string, GgufField | undefined>>) => ggufBytes(withFields(tiny, changed));
const tensors = (changed: Parameters<typeof withTensors>[1]) => ggufBytes(withTensors(tiny, changed));
const parts = (changed: Partial<GgufParts>) => ggufBytes({ ...tiny, ...changed });
const gate = 'blk.0.ffn_gate.weight';
const [shape, { bytes }] = [[64, 32], tiny.tensors[gate]!];
const strings = (length: bigint | number) => Buffer.concat([Buffer.from(Uint32Array.of(8).buffer), uint64(length)]);
/** A block of Q4_0 whose factor is NaN in half precision. */
const notANumber = Uint8Array.from({ length: 64 * 18 }, (_, at) => (at % 18 < 2 ? [0x00, 0x7e][at % 18]! : 0x55));

/** Files that are broken or of a kind that is not read, and what must name the fault. */
const refused: Readonly<Record<string, readonly [bytes: Uint8Array, ...patterns: RegExp[]]>> = {
  // The file.
  'another format': [Buffer.from('PK\u0003\u0004 and more than four bytes'), /begins with GGUF/],
  'the magic alone': [Buffer.from('GGUF'), /cut short/],
  'version 1': [parts({ version: 1 }), /version 2 or 3, got version 1/],
  'version 4': [parts({ version: 4 }), /got version 4/],
  'a big-endian file': [parts({ version: 3 << 24 }), /big-endian/],
  'more tensors than it has bytes': [parts({ tensorCount: 2n ** 40n }), /./],
  'more tensors than 2^53': [parts({ tensorCount: 2n ** 60n }), /number of tensors.*below 2\^53/],
  'more fields than there are': [parts({ fieldCount: 2n ** 31n }), /./],
  'a name longer than the file': [fields({ 'general.name': { type: 8, bytes: uint64(2n ** 40n) } }), /cut short/],
  'a list longer than the file': [
    fields({ 'general.tags': { type: 9, bytes: strings(2n ** 50n) } }),
    /general\.tags.*at most/,
  ],
  'a list of lists': [
    fields({ 'general.tags': { type: 9, bytes: Buffer.concat([Uint8Array.of(9, 0, 0, 0), uint64(1)]) } }),
    /general\.tags.*lists in a list/,
  ],
  'a value of no type': [fields({ 'general.name': { type: 77, bytes: uint64(1) } }), /general\.name.*type 77/],
  'an integer beyond 2^53': [fields({ 'general.name': { type: 10, bytes: uint64(2n ** 63n) } }), /integer below 2\^53/],
  'text of other bytes': [
    fields({ 'general.name': { type: 8, bytes: Buffer.concat([uint64(2), Uint8Array.of(0xff, 0xfe)]) } }),
    /general\.name.*UTF-8/,
  ],
  'a field twice': [parts({ twice: 'field' }), /general\.architecture.*one of that name, got two/],
  'a tensor twice': [parts({ twice: 'tensor' }), /token_embd\.weight.*got two/],
  'something behind its last tensor': [Buffer.concat([parts({}), new Uint8Array(100)]), /behind its last tensor/],
  'an alignment of 3': [fields({ 'general.alignment': 3 }), /general\.alignment.*power of 2/],
  'a part of a model': [fields({ 'split.count': 3, 'split.no': 0 }), /split\.count.*gguf-split/],
  'an adapter': [fields({ 'general.type': 'adapter' }), /general\.type/],
  // Tensors.
  'a tensor over another': [tensors({ [gate]: { shape, bytes, offset: 32 } }), /ffn_gate.*overlap/],
  'a tensor behind a gap': [tensors({ [gate]: { shape, bytes, offset: 2 ** 20 } }), /ffn_gate.*a gap/],
  'a misaligned tensor': [tensors({ [gate]: { shape, bytes, offset: 2 ** 20 + 1 } }), /ffn_gate/],
  'a tensor past the end': [tensors({ [gate]: { shape, bytes, offset: 2 ** 45 } }), /ffn_gate/],
  'a tensor of nine axes': [tensors({ [gate]: { shape: [1, 1, 1, 1, 1, 1, 1, 64, 32], bytes } }), /1 to 4 axes, got 9/],
  'a tensor of no axes': [tensors({ [gate]: { shape: [], bytes } }), /1 to 4 axes, got 0/],
  'an extent of 0': [tensors({ [gate]: { shape: [0, 32], bytes } }), /ffn_gate.*fits a file/],
  'a shape beyond 2^53': [tensors({ [gate]: { shape: [2 ** 40, 2 ** 40], bytes } }), /ffn_gate.*fits a file/],
  'a shape larger than the file': [tensors({ [gate]: { shape: [2 ** 20, 2 ** 10], bytes } }), /overlap|cut short|gap/],
  'a turned shape': [tensors({ [gate]: { shape: [32, 64], bytes } }), /ffn_gate.*shape \[64, 32\]/],
  'a type that is not read': [tensors({ [gate]: { shape, type: 20, bytes } }), /ffn_gate.*Q6_K.*got IQ4_NL/],
  'rows of half a block': [
    tensors({ 'blk.0.ffn_down.weight': { shape: [128, 16], type: 8, bytes } }),
    /ffn_down.*multiple of 32 entries for Q8_0, got 16/,
  ],
  'no embedding': [tensors({ 'token_embd.weight': undefined }), /tensor token_embd\.weight, got no such tensor/],
  'no gate': [tensors({ [gate]: undefined }), /tensor blk\.0\.ffn_gate\.weight, got no such tensor/],
  'a tensor of another model': [
    tensors({ 'blk.0.ffn_gate_exps.weight': { shape, bytes } }),
    /ffn_gate_exps.*nothing asks for/,
  ],
  'a NaN': [
    tensors({ [gate]: plainTensor(shape, new Float32Array(64 * 32).fill(Number.NaN)) }),
    /ffn_gate.*finite values, got NaN/,
  ],
  'a factor that is NaN': [
    tensors({ [gate]: { shape, type: 2, bytes: notANumber } }),
    /ffn_gate.*finite values, got NaN/,
  ],
  // Fields.
  'no architecture': [fields({ 'general.architecture': undefined }), /general\.architecture.*got none/],
  'another architecture': [fields({ 'general.architecture': 'mamba' }), /general\.architecture.*gemma3, got mamba/],
  'an architecture that is a number': [fields({ 'general.architecture': 7 }), /general\.architecture.*a text, got 7/],
  'no layers': [fields({ 'llama.block_count': 0 }), /block_count.*from 1 to 10000, got 0/],
  'a billion layers': [fields({ 'llama.block_count': 10 ** 9 }), /block_count/],
  'a layer too many': [fields({ 'llama.block_count': 3 }), /tensor blk\.2\.attn_q\.weight, got no such tensor/],
  experts: [fields({ 'llama.expert_count': 8 }), /llama\.expert_count/],
  'a field that is not known': [fields({ 'llama.logit_scale': 0.5 }), /llama\.logit_scale.*got 0\.5/],
  "another architecture's field": [
    fields({ 'gemma3.attention.sliding_window': 8 }),
    /gemma3\.attention\.sliding_window/,
  ],
  'heads that turn in part': [fields({ 'llama.rope.dimension_count': 8 }), /rope\.dimension_count.*16, got 8/],
  longrope: [
    fields({ 'llama.rope.scaling.type': 'longrope', 'llama.rope.scaling.factor': 4 }),
    /scaling\.type.*longrope/,
  ],
  'an odd vocabulary size': [fields({ 'llama.vocab_size': 7 }), /llama\.vocab_size/],
  // Tokens.
  'a tokenizer that is not known': [fields({ 'tokenizer.ggml.model': 'rwkv' }), /tokenizer\.ggml\.model.*got rwkv/],
  'a pre-tokenizer that is not known': [
    fields({ 'tokenizer.ggml.pre': 'bloom' }),
    /tokenizer\.ggml\.pre.*smollm.*got bloom.*`tokenizer`/,
  ],
  'no pre-tokenizer': [fields({ 'tokenizer.ggml.pre': undefined }), /tokenizer\.ggml\.pre.*got none/],
  'too few tokens': [fields({ 'tokenizer.ggml.tokens': tinyTokens.slice(1) }), /tokens.*one for each row/],
  'a token twice': [
    fields({ 'tokenizer.ggml.tokens': tinyTokens.map((token, id) => (id === 9 ? tinyTokens[8]! : token)) }),
    /no token twice.*as 8 and 9/,
  ],
  'a merge of no tokens': [fields({ 'tokenizer.ggml.merges': ['h q'] }), /merges.*h q/],
  'a merge of one part': [fields({ 'tokenizer.ggml.merges': ['he'] }), /merges.*he/],
  'a piece of ten million characters': [
    fields({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': tinyTokens.map((token, id) => (id === 9 ? 'a'.repeat(10_000_000) : token)),
      'tokenizer.ggml.scores': tinyTokens.map(() => 0.5),
      'tokenizer.ggml.merges': undefined,
    }),
    /tokenizer\.ggml\.tokens.*at most 256 characters/,
  ],
  'no merges': [fields({ 'tokenizer.ggml.merges': undefined }), /merges.*none/],
  'a special token past the end': [fields({ 'tokenizer.ggml.eos_token_id': 99_999 }), /eos_token_id/],
  'bos without one': [
    fields({ 'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.bos_token_id': undefined }),
    /bos_token_id.*begin/,
  ],
  'kinds for other tokens': [
    fields({ 'tokenizer.ggml.token_type': [1, 2, 3] }),
    /token_type.*one for each token, got 3/,
  ],
  'a template whose name is a path': [
    fields({ 'tokenizer.chat_templates': ['../../x'], 'tokenizer.chat_template.../../x': 'y' }),
    /chat_templates.*\.\.\/\.\.\/x/,
  ],
};

for (const [what, [content, ...patterns]] of Object.entries(refused))
  test(`refused in one line: ${what}`, () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 'model.gguf');
      await writeFile(file, content);
      await throwsClearly(() => convertGguf(file, { out: join(folder, 'out') }), /model\.gguf/, ...patterns);
      const left = await readdir(join(folder, 'out'), { recursive: true }).catch(() => []);
      assert.equal(left, [], 'files were left behind');
    }));

test('a file that is cut short anywhere is refused, and what was in the folder stays', () =>
  inTemporaryFolder(async (folder) => {
    const [file, out] = [join(folder, 'model.gguf'), join(folder, 'out')];
    const whole = parts({});
    await writeFile(file, whole);
    await mkdir(out);
    await writeFile(join(out, 'notes.txt'), 'mine');
    await convertGguf(file, { out });
    const before = await readFile(join(out, 'model.safetensors'));
    const random = randomStream(1, 'cuts');
    const cuts = [0, 3, 4, 8, 23, 24, ...Array.from({ length: 40 }, () => random.integer(whole.length - 64))];
    for (const length of cuts) {
      await writeFile(file, whole.subarray(0, length));
      await throwsClearly(() => convertGguf(file, { out, overwrite: true }), /model\.gguf/);
    }
    assert.ok(before.equals(await readFile(join(out, 'model.safetensors'))));
    assert.is(await readFile(join(out, 'notes.txt'), 'utf8'), 'mine');
  }));

test('a checkpoint that is there is replaced only when that is asked for, and then as a whole', () =>
  inTemporaryFolder(async (folder) => {
    const [file, out] = [join(folder, 'model.gguf'), join(folder, 'out')];
    await writeFile(file, parts({}));
    await convertGguf(file, { out });
    await throwsClearly(() => convertGguf(file, { out }), /without results of another run/);
    const bare = Object.keys(tiny.fields).filter((key) => key.startsWith('tokenizer.'));
    await writeFile(file, fields(Object.fromEntries(bare.map((key) => [key, undefined]))));
    await convertGguf(file, { out, overwrite: true });
    assert.equal((await readdir(out)).sort(), ['config.json', 'generation_config.json', 'model.safetensors']);
  }));

test('bytes that are changed at random are refused in one line, or make no difference to the shape of what comes out', () =>
  inTemporaryFolder(async (folder) => {
    const random = randomStream(0, 'mutations of a GGUF file');
    const file = join(folder, 'model.gguf');
    // Most of a file is weights: the header is where faults are.
    const whole = ggufBytes(withTensors(tiny, {}));
    const header = whole.length - Object.values(tiny.tensors).reduce((sum, tensor) => sum + tensor.bytes.length, 0);
    let refusals = 0;
    for (let round = 0; round < 300; round++) {
      const [start, rest] = [whole.subarray(0, header), whole.subarray(header)];
      await writeFile(file, Buffer.concat([mutateBytes(start, random), rest]));
      try {
        await convertGguf(file, { out: join(folder, 'out'), overwrite: true });
      } catch (error) {
        assert.instance(error, LambdamaxError, `round ${round}: ${(error as Error).stack}`);
        assert.not.match((error as Error).message, /\n/);
        refusals++;
      }
    }
    assert.ok(refusals > 200, `only ${refusals} of 300 were refused`);
  }));

test.run();
