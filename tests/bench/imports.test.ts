import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importsOf, sourcesIn } from '../cases/sources.ts';

test("benches import what users can: packages, and the library's entries", () => {
  const sources = sourcesIn('bench').filter(({ path }) => !path.includes('/.venv/'));
  const targets = sources.flatMap(importsOf).map(({ target }) => target);
  assert.ok(targets.includes('lambdamax/compute') && targets.includes('lambdamax/training'));
  const inner = targets.filter(
    (target) => target.endsWith('.ts') && !target.startsWith('bench/') && target !== 'errors.ts',
  );
  assert.equal(inner, []);
});

test.run();
