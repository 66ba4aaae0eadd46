import { edge } from './edge.ts';
import { reach } from './reach.ts';
import { scale } from './scale.ts';
import { sgd } from './sgd.ts';
import { sharpModule } from './sharpModule.ts';
import type { ValidationTest } from './validationTest.ts';

/** All tests, from the cheapest to the dearest: T1 to T5. A new one is a file and a line. */
export const validationTests: readonly ValidationTest[] = [scale, sharpModule, sgd, edge, reach];
