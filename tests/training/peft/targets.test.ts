import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isTargeted, type PeftTargets } from '../../../training/peft/targets.ts';

const modules = [
  'model.layers.0.self_attn.q_proj',
  'model.layers.1.self_attn.q_proj',
  'model.layers.11.mlp.down_proj',
  'transformer.h.1.attn.c_proj',
  'lm_head',
];

/** What PEFT 0.21's `check_target_module_exists` says of each module: the numbers of those that it adapts. */
const chosen: readonly (readonly [PeftTargets, readonly number[]])[] = [
  [{ targetModules: ['q_proj', 'attn.c_proj'] }, [0, 1, 3]],
  [{ targetModules: '.*(q|down)_proj' }, [0, 1, 2]],
  [{ targetModules: 'q_proj' }, []],
  [{ targetModules: ['proj'] }, []],
  [{ targetModules: 'model\\.layers\\.\\d\\..*\\Z' }, [0, 1]],
  [{ targetModules: ['q_proj'], excludeModules: ['layers.1.self_attn.q_proj'] }, [0]],
  [{ targetModules: ['q_proj', 'down_proj'], excludeModules: '(?P<a>.*)\\.1\\..*' }, [0, 2]],
  [{ targetModules: ['q_proj', 'down_proj'], layersToTransform: [1] }, [1]],
  [{ targetModules: ['q_proj', 'down_proj', 'c_proj'], layersToTransform: [1, 11], layersPattern: ['h'] }, [3]],
  [{ targetModules: ['q_proj', 'down_proj', 'c_proj'], layersToTransform: [1, 11], layersPattern: ['layers'] }, [1, 2]],
  // A name in full is chosen whatever its layer.
  [{ targetModules: ['model.layers.0.self_attn.q_proj', 'q_proj'], layersToTransform: [1] }, [0, 1]],
  [{ targetModules: ['q_proj', 'down_proj'], modulesToSave: ['mlp', 'self_attn.q'] }, [0, 1]],
];

for (const [targets, expected] of chosen)
  test(`${JSON.stringify(targets)} chooses what PEFT chooses`, () => {
    const found = modules.flatMap((module, index) => (isTargeted(module, targets) ? [index] : []));
    assert.equal(found, expected);
  });

test.run();
