// node .ci/smallestText.mjs FIGURE.svg POINTS: fails if any text of a figure is smaller than that at the figure's own width.
import { readFileSync } from 'node:fs';

const [file, least] = process.argv.slice(2);
const svg = readFileSync(file, 'utf8');
const [, inches, units] = /^<svg [^>]*width="([\d.]+)in"[^>]* viewBox="0 0 ([\d.]+) /.exec(svg);
const sizes = [...svg.matchAll(/<text [^>]*font-size="([\d.]+)"/g)].map(
  ([, size]) => (Number(size) * inches * 72) / units,
);
const smallest = Math.min(...sizes);
console.log(`${file}: ${sizes.length} texts, the smallest of ${smallest.toFixed(2)} points`);
process.exit(sizes.length > 0 && smallest >= Number(least) - 0.005 ? 0 : 1);
