import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judged, soak, soakLines } from '../../bench/soak.ts';

test('a soak marks what is resident along the way, at one point and over batches', async () => {
  const said: string[] = [];
  const [still, changing] = await soak('tiny', 1, 60, (line) => said.push(line));
  assert.equal(
    still!.marks.map(({ products }) => products),
    [1, 50, 60],
  );
  assert.is(changing!.variant, 'new batches');
  assert.is(changing!.marks.at(-1)!.products, 501);
  for (const { residentBytes, mostBytes } of still!.marks) assert.ok(residentBytes > 2e7 && residentBytes <= mostBytes);
  assert.is(said.length, still!.marks.length + changing!.marks.length);
  const lines = soakLines(still!);
  assert.is(lines.length, 2 + 3 + 1);
  assert.match(lines[0]!, /^products of tiny, one point, threads: 1, /);
  assert.match(lines[4]!, /^ +60 +\d+ +\d+$/);
  assert.match(lines.at(-1)!, /^growth after the first 50: -?\d+ MB; (flat|not flat)/);
});

test('memory that grows after the first 50 products is not flat', () => {
  const marks = (...megabytes: number[]) =>
    megabytes.map((size, index) => ({
      products: [1, 50, 500, 1000][index]!,
      residentBytes: 0,
      mostBytes: 1e6 * size,
    }));
  assert.equal(judged(marks(100, 500, 500, 505), 50), { growthBytes: 5e6, isFlat: true });
  assert.equal(judged(marks(100, 500, 520, 500), 50), { growthBytes: 20e6, isFlat: false });
  assert.equal(judged(marks(600, 500, 480, 490), 50), { growthBytes: -110e6, isFlat: true });
  assert.match(
    soakLines({ ...soaked, ...judged(marks(100, 500, 520, 500), 50) }).at(-1)!,
    /20 MB; not flat: more than 2 %$/,
  );
});

const soaked = {
  model: 'small',
  threads: 2,
  variant: 'one point',
  seconds: 1,
  marks: [],
} as const;

test.run();
