import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { methodLabels } from '../../study/configurations/names.ts';

const labelsOf = (...methods: readonly string[]): string[] => [...methodLabels(methods).values()];

test('a variant of your own is called by the name of its file, without folder and ending', () => {
  assert.equal(labelsOf('lora', './pages/my-variant.ts', '/elsewhere/other.mjs'), ['lora', 'my-variant', 'other']);
  assert.equal(labelsOf('init-ab', 'lora+'), ['init-ab', 'lora+']);
});

test('two files of one name, and one named like a method of ours, keep their paths', () => {
  assert.equal(labelsOf('./a/mine.ts', './b/mine.ts'), ['./a/mine.ts', './b/mine.ts']);
  assert.equal(labelsOf('./lora.ts'), ['./lora.ts']);
});

test.run();
