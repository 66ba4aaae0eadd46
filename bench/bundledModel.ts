import { fileURLToPath } from 'node:url';

/** The folder of the model that comes with the package. */
export const bundledModel = fileURLToPath(new URL('../fixtures/base', import.meta.url));
