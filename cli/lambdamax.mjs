#!/usr/bin/env node
// The command: a clone runs its TypeScript sources through tsx, an installed package its compiled code.
import { existsSync } from 'node:fs';

if (existsSync(new URL('./index.ts', import.meta.url))) {
  const { register } = await import('tsx/esm/api');
  // The folder that the user happens to be in may have a tsconfig.json of its own, which is not ours.
  register({ tsconfig: false });
  const { start } = await import('./index.ts');
  await start();
} else {
  const { start } = await import('../dist/cli/index.js');
  await start();
}
