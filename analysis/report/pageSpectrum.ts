import type { DensityOfSpectrum } from '../figures/densityCurve.ts';
import type { Limit } from '../rates/limits.ts';
import type { RelativeToLora } from '../rates/relativeToLora.ts';
import type { ReportSpectrum } from './reportInput.ts';

/** A spectrum as `spectrum` returns it, as far as a page shows it. */
export interface PageSpectrum {
  readonly operator: 'hessian' | 'ggn' | 'adam';
  readonly method: string;
  readonly parameters: number;
  readonly tokens: number;
  readonly batches: number;
  readonly loss: number;
  readonly lambdaMax: ReportSpectrum['lambdaMax'];
  readonly lambdaMin: ReportSpectrum['lambdaMax'];
  readonly outcome: string;
  readonly products: number;
  readonly limits: readonly Limit[];
  readonly trace?: { readonly value: number; readonly standardError: number | null };
  readonly density?: DensityOfSpectrum['density'] | undefined;
  readonly modules?: readonly {
    readonly name: string;
    readonly parameters: number;
    readonly lambdaMax: number;
    readonly lambdaMin: number;
    readonly outcome: string;
    readonly products: number;
  }[];
  /** Where several methods are compared. */
  readonly relativeToLora?: RelativeToLora;
}
