import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kindsOf, modulePlaces } from '../../analysis/figures/modules/moduleGrid.ts';
import { relativeToLora } from '../../analysis/rates/relativeToLora.ts';

const of = (whole: number, modules?: Readonly<Record<string, number>>) => ({
  lambdaMax: { value: whole },
  ...(modules && { modules: Object.entries(modules).map(([name, lambdaMax]) => ({ name, lambdaMax })) }),
});

test('ratios are taken module by module, by name, with their quartiles', () => {
  const lora = of(2, { a: 1, b: 2, c: 4, d: 8, e: 16 });
  const { whole, modules, quartiles } = relativeToLora(of(24, { e: 32, d: 24, c: 16, b: 10, a: 6 }), lora);
  assert.is(whole, 12);
  assert.equal(
    modules!.map(({ name, ratio }) => [name, ratio]),
    [
      ['e', 2],
      ['d', 3],
      ['c', 4],
      ['b', 5],
      ['a', 6],
    ],
  );
  assert.equal(quartiles, { smallest: 2, first: 3, median: 4, third: 5, largest: 6 });
  assert.equal(relativeToLora(lora, lora).quartiles, { smallest: 1, first: 1, median: 1, third: 1, largest: 1 });
});

test('where there is no positive curvature, or no such module, there is no ratio', () => {
  const lora = of(-1, { a: 1, b: 0, c: Number.NaN });
  const { whole, modules } = relativeToLora(of(3, { a: 3, b: 3, c: 3, d: 3 }), lora);
  assert.is(whole, null);
  assert.equal(modules, [{ name: 'a', ratio: 3 }]);
  assert.equal(relativeToLora(of(3, { b: 1 }), lora), { whole: null, modules: [] });
  assert.equal(relativeToLora(of(3), of(2, { a: 1 })), { whole: 1.5 });
});

test('modules are found in their layer, under the shortest name that tells them apart', () => {
  const place = (layer: number | null, kind: string) => ({ layer, kind });
  const llama = ['model.layers.0.self_attn.q_proj', 'model.layers.0.mlp.up_proj', 'model.layers.11.self_attn.q_proj'];
  assert.equal([...modulePlaces(llama).values()], [place(0, 'q_proj'), place(0, 'up_proj'), place(11, 'q_proj')]);
  assert.equal(kindsOf(modulePlaces(llama)), ['q_proj', 'up_proj']);
  const gpt2 = ['h.0.attn.c_attn', 'h.0.attn.c_proj', 'h.0.mlp.c_proj'];
  assert.equal([...modulePlaces(gpt2).values()], [place(0, 'c_attn'), place(0, 'attn.c_proj'), place(0, 'mlp.c_proj')]);
  assert.equal([...modulePlaces(['lm_head']).values()], [place(null, 'lm_head')]);
});

test.run();
