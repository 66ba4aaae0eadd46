import { LambdamaxError } from '../../errors.ts';
import type { AdapterForm } from '../layout/form.ts';
import type { PeftKind } from '../peft/config.ts';
import { blockForm } from './forms/blocks.ts';
import { lowRank, rankStabilised } from './forms/lowRank.ts';
import { magnitudes, rankStabilisedMagnitudes } from './forms/magnitude.ts';
import { randomBases } from './methods/randlora.ts';
import { sharedFactors } from './methods/vera.ts';

/** A form of PEFT's, and what it is called where nobody says which method it came from. */
export interface NamedForm {
  readonly name: string;
  readonly form: AdapterForm;
}

/** The form that computes as PEFT does with an adapter of this kind; the reverse of `AdapterForm.peft`. */
export function formOfKind(kind: PeftKind): NamedForm {
  switch (kind.type) {
    case 'LORA': {
      const { useRslora, useDora } = kind;
      if (useDora) return { name: 'dora', form: useRslora ? rankStabilisedMagnitudes : magnitudes };
      return useRslora ? { name: 'rslora', form: rankStabilised } : { name: 'lora', form: lowRank };
    }
    case 'GRALORA':
      return { name: 'gralora', form: blockForm(kind.blocks, kind.hybridRank) };
    case 'RANDLORA':
      return { name: 'randlora', form: randomBases };
    case 'VERA':
      return { name: 'vera', form: sharedFactors };
    case 'LAMBDAMAX':
      throw new LambdamaxError({ subject: 'the form of an adapter', expected: 'one that PEFT knows', got: kind.type });
  }
}
