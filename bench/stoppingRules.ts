import { lanczos, type SymmetricOperator } from 'lambdamax/analysis';
import { randomStream, type Vector } from 'lambdamax/compute';

/** Where a search stopped. */
export interface Stopped {
  readonly value: number;
  readonly products: number;
}

/** A search for an eigenvalue that ends by a rule of its own. */
export interface StoppingRule {
  readonly name: string;
  /** What it is after: the algebraically largest eigenvalue, or the one that is largest in size. */
  readonly seeks: 'largest' | 'dominant';
  search(operator: SymmetricOperator, seed: number): Promise<Stopped>;
}

/** The relative error that all three are asked for, as far as they can be asked. */
export const tolerance = 1e-3;

const ours: StoppingRule = {
  name: 'lambdamax',
  seeks: 'largest',
  async search(operator, seed) {
    const { lambdaMax, products } = await lanczos(operator, { ends: 'largest', tolerance, maxSteps: 400, seed });
    return { value: lambdaMax!.value, products };
  },
};

/**
 * The rule of Lee et al., arXiv 2602.04998: Lanczos until the largest Ritz value moves by less than 5e-3 after one of the
 * products from the fifth on (their scripts' `--tol`; absolute).
 */
const absoluteChange: StoppingRule = {
  name: 'paper',
  seeks: 'largest',
  async search(operator, seed) {
    const [change, first] = [5e-3, 5];
    let last = Number.NaN;
    // Our Lanczos with their rule: what the rule sees is the same.
    return lanczosUntil(operator, seed, ({ value, products }) => {
      const isStill = products >= first && Math.abs(value - last) < change;
      last = value;
      return isStill;
    });
  },
};

/** PyHessian's `eigenvalues` with its defaults: power iteration until the Rayleigh quotient moves by less than 1e-3 of itself. */
const relativeChange: StoppingRule = {
  name: 'pyhessian',
  seeks: 'dominant',
  async search(operator, seed) {
    const mostProducts = 100;
    const random = randomStream(seed, 'power iteration');
    let direction: Vector = Float64Array.from({ length: operator.size }, () => random.normal());
    let last = Number.NaN;
    for (let products = 1; ; products++) {
      const unit = unitVector(direction, operator.precision);
      direction = await operator.apply(unit);
      const value = inner(unit, direction);
      const isStill = Math.abs(last - value) / (Math.abs(last) + 1e-6) < 1e-3;
      if (isStill || products === mostProducts) return { value, products };
      last = value;
    }
  },
};

/** The rules by which searches end. */
export const stoppingRules: readonly StoppingRule[] = [ours, absoluteChange, relativeChange];

/** The largest Ritz value of Lanczos when `isEnough` is content with it, or when it is known as well as can be. */
export async function lanczosUntil(
  operator: SymmetricOperator,
  seed: number,
  isEnough: (sofar: Stopped) => boolean,
): Promise<Stopped> {
  const best = operator.precision === 'float64' ? 1e-9 : 1e-5;
  let sofar: Stopped | undefined;
  // Nothing else ends a search from outside.
  const enough = new Error('enough');
  try {
    await lanczos(operator, {
      ...{ ends: 'largest', tolerance: best, maxSteps: 400, seed },
      onStep({ products, lambdaMax: { value } }) {
        sofar = { value, products };
        if (isEnough(sofar)) throw enough;
      },
    });
  } catch (error) {
    if (error !== enough) throw error;
  }
  return sofar!;
}

function unitVector(v: Vector, precision: SymmetricOperator['precision']): Vector {
  const factor = 1 / Math.sqrt(inner(v, v));
  const unit = precision === 'float64' ? new Float64Array(v.length) : new Float32Array(v.length);
  for (let i = 0; i < unit.length; i++) unit[i] = factor * v[i]!;
  return unit;
}

function inner(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
