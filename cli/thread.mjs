// Where the command's work is done: a clone runs its TypeScript sources through tsx, an installed package its compiled code.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

if (existsSync(new URL('./index.ts', import.meta.url))) {
  // Ours, and not one of the folder that the user happens to be in: it also makes `lambdamax/training` in a user's own file
  // mean these sources.
  process.env.TSX_TSCONFIG_PATH = fileURLToPath(new URL('../tsconfig.json', import.meta.url));
  // That file is CommonJS where no package.json says otherwise, and ours are modules.
  for (const api of ['tsx/cjs/api', 'tsx/esm/api']) (await import(api)).register();
  const { start } = await import('./index.ts');
  await start();
} else {
  const { start } = await import('../dist/cli/index.js');
  await start();
}
