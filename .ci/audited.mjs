// node .ci/audited.mjs PAGE COPY: a copy of a page that, when it is drawn, says what axe-core found in an element with the id `axe`.
// node .ci/audited.mjs --said < DOM: prints what it said; fails if anything was serious.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [page, copy] = process.argv.slice(2);
if (page === '--said') {
  const [, json] = /<pre id="axe">(.*?)<\/pre>/s.exec(readFileSync(0, 'utf8')) ?? [];
  if (json === undefined) throw new Error('axe-core said nothing');
  const { passes, found } = JSON.parse(json.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'));
  const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  console.log(`axe-core: ${passes} rules hold, ${found.length} findings, ${serious.length} of them serious`);
  for (const one of found) console.log(JSON.stringify(one));
  process.exit(passes > 20 && serious.length === 0 ? 0 : 1);
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const audit = `
  async function audit() {
    // Figures become interactive one after another.
    const figures = document.querySelectorAll('figure.figure');
    for (let i = 0; i < 100 && [...figures].some((one) => !one.classList.contains('interactive')); i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const { violations, passes } = await axe.run();
    const found = violations.flatMap(({ id, impact, help, nodes }) => nodes.map(({ target }) => ({ id, impact, help, target })));
    const said = document.createElement('pre');
    said.id = 'axe';
    said.textContent = JSON.stringify({ passes: passes.length, found });
    document.body.append(said);
  }
  addEventListener('load', audit);`;
const html = readFileSync(page, 'utf8');
writeFileSync(
  copy,
  html.replace('</body>', () => `<script>${axe}</script><script>${audit}</script></body>`),
);
