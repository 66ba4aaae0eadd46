import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const { exports: entries } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** The reference has a part for each entry of the package, from its sources. */
export default {
  name: 'lambdamax',
  readme: 'none',
  entryPoints: Object.keys(entries)
    .filter((name) => name !== './package.json')
    .map((name) => path(`${name}/index.ts`)),
  tsconfig: path('tsconfig.json'),
  out: path('docs/api'),
  excludeExternals: true,
  excludeInternal: true,
  disableSources: true,
  // Types that stand in signatures alone are named there. A link that leads nowhere is a mistake.
  validation: { notExported: false, invalidLink: true },
  treatWarningsAsErrors: true,
};
