// Where a worker process's work is done. A thread inherits no loader: a clone's TypeScript sources take tsx, a package's
// compiled code takes none.
import { existsSync } from 'node:fs';

if (existsSync(new URL('./serve.ts', import.meta.url))) {
  for (const api of ['tsx/cjs/api', 'tsx/esm/api']) (await import(api)).register();
  await import('./serve.ts');
} else {
  await import('./serve.js');
}
