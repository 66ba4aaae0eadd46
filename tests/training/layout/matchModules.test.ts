import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matchModules } from '../../../training/layout/matchModules.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const projections = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'mlp.down_proj'];
const names = [0, 1].flatMap((layer) => projections.map((name) => `model.layers.${layer}.${name}`)).concat('lm_head');

test('a list matches endings at a dot, in the order of the modules', () => {
  assert.equal(matchModules(names, 'v_proj, q_proj'), [names[0], names[2], names[4], names[6]]);
  assert.equal(matchModules(names, 'lm_head'), ['lm_head']);
  assert.equal(matchModules(names, '1.self_attn.k_proj'), ['model.layers.1.self_attn.k_proj']);
  assert.equal(matchModules(names, names[3]!), [names[3]]);
});

test('an ending inside a word does not match: proj is not q_proj', () =>
  throwsClearly(() => matchModules(names, 'proj'), /"proj".*model\.layers\.0\.self_attn\.q_proj.*lm_head.*no match/));

test('a regular expression must match the whole name', () => {
  assert.equal(matchModules(names, '.*[qv]_proj'), [names[0], names[2], names[4], names[6]]);
  assert.equal(matchModules(names, String.raw`.*\.0\..*k_proj|lm_head`), [names[1], 'lm_head']);
});

test('part of a name as a regular expression matches nothing', () =>
  throwsClearly(() => matchModules(names, '[qv]_proj'), /of 9 modules.*no match/));

test('all-linear is every module but the output projection', () => {
  assert.equal(matchModules(names, 'all-linear'), names.slice(0, -1));
});

test('a wrong item of a list is named, even where the others match', () =>
  throwsClearly(() => matchModules(names, 'q_proj,w_proj'), /"w_proj"/));

for (const pattern of ['', ' ', 'q_proj,', '(', '*', 'a[']) {
  test(`${JSON.stringify(pattern)} is refused`, () =>
    throwsClearly(() => matchModules(names, pattern), /module pattern/));
}

test.run();
