import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  entriesOf,
  groupOf,
  groupsByLayer,
  groupsByModule,
  matchingGroup,
  type ParameterGroup,
} from '../../analysis/curvature/operators/groups.ts';
import { totalSize } from '../../compute/index.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import { referenceAdapter, referenceModel } from '../cases/reference.ts';
import { throwsClearly } from '../oracles/throws.ts';

async function layoutOf(architecture: 'llama' | 'gpt2', variant: string) {
  await using model = await referenceModel(architecture, 'float32');
  return (await referenceAdapter(model, variant, 'perturbed', architecture)).layout;
}

const indices = ({ ranges }: ParameterGroup) =>
  ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, k) => start + k));

for (const [architecture, layer] of [
  ['llama', 'model.layers.'],
  ['gpt2', 'transformer.h.'],
] as const)
  for (const variant of ['lora', 'dora', 'vera'])
    test(`the modules, and the layers, of ${variant} on ${architecture} take every parameter once`, async () => {
      const layout = await layoutOf(architecture, variant);
      const tensors = layoutTensors(layout);
      const all = Array.from({ length: totalSize(tensors) }, (_, k) => k);
      for (const groups of [groupsByModule(layout), groupsByLayer(layout)]) {
        assert.equal(groups.flatMap(indices), all);
        assert.equal(
          groups.flatMap((group) => group.tensors),
          tensors.map(({ name }) => name),
        );
        for (const group of groups) {
          assert.is(group.size, indices(group).length);
          assert.ok(group.tensors.every((tensor) => tensor.startsWith(`${group.name}.`)));
        }
      }
      assert.equal(
        groupsByModule(layout).map(({ name }) => name),
        [...layout.modules.keys()],
      );
      assert.equal(
        groupsByLayer(layout).map(({ name }) => name),
        [`${layer}0`, `${layer}1`],
      );
    });

test('a pattern takes the modules that it matches, and a group its entries of a vector', async () => {
  const layout = await layoutOf('llama', 'lora');
  const query = matchingGroup(layout, '.*layers\\.1.*(q|v)_proj');
  assert.equal(query.tensors, [
    'model.layers.1.self_attn.q_proj.lora_A.weight',
    'model.layers.1.self_attn.q_proj.lora_B.weight',
    'model.layers.1.self_attn.v_proj.lora_A.weight',
    'model.layers.1.self_attn.v_proj.lora_B.weight',
  ]);
  assert.equal(matchingGroup(layout, 'q_proj').tensors.length, 4);
  const whole = Float32Array.from({ length: totalSize(layoutTensors(layout)) }, (_, k) => k);
  assert.equal(entriesOf(query, whole), Float32Array.from(indices(query)));
  assert.instance(entriesOf(query, Float64Array.from(whole)), Float64Array);
  const some = groupsByModule(layout, ['model.layers.1.mlp.up_proj']);
  assert.equal(some, [groupOf(layout, ['model.layers.1.mlp.up_proj'], 'model.layers.1.mlp.up_proj')]);
  await throwsClearly(() => matchingGroup(layout, 'x_proj'), /^module pattern "x_proj": expected to match one of 14/);
});

test.run();
