#!/usr/bin/env node
// The command: compiled code where the package was built, else the TypeScript sources through tsx.
import { existsSync } from 'node:fs';

const compiled = new URL('../dist/cli/index.js', import.meta.url);
if (existsSync(compiled)) {
  const { start } = await import(compiled.href);
  await start();
} else {
  const { register } = await import('tsx/esm/api');
  // The folder that the user happens to be in may have a tsconfig.json of its own, which is not ours.
  register({ tsconfig: false });
  const { start } = await import('./index.ts');
  await start();
}
