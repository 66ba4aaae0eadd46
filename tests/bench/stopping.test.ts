import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stopping, stoppingLines } from '../../bench/stopping.ts';
import { tolerance } from '../../bench/stoppingRules.ts';

test('over variants, modules, points and seeds ours never misses its tolerance, and rules on standstill often do', async () => {
  const said: string[] = [];
  const rows = await stopping({ count: 30, models: [], threads: 1 }, (line) => said.push(line));
  const [ours, paper, pyhessian] = rows;
  assert.equal([ours!.rule, paper!.rule, pyhessian!.rule], ['lambdamax', 'paper', 'pyhessian']);
  assert.is(ours!.misses, 0, said.join('\n'));
  assert.ok(ours!.worstError <= tolerance);
  for (const row of [paper!, pyhessian!]) {
    assert.is(row.count, 30);
    assert.ok(row.misses >= 6 && row.worstError > 0.02, `${row.rule}: ${row.misses} misses, ${row.worstError}`);
  }
  // Each miss is told.
  assert.is(said.length, paper!.misses + pyhessian!.misses);
  assert.match(said[0]!, /^30 random blocks: .*: (paper|pyhessian) is [\d.]+ % off$/);
  assert.match(stoppingLines(rows)[1]!, /^30 random blocks +lambdamax +0 of 30 /);
});

test.run();
