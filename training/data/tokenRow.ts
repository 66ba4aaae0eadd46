import type { RowSequences } from './sequences.ts';

/** The label of a position that is not scored. */
export const notScored = -100;

/** One tokenised row. Labels are aligned with the tokens as in transformers: position t predicts `labels[t + 1]`. */
export interface TokenRow extends RowSequences {
  readonly inputIds: Int32Array;
  /** Token ids, or -100 where a token is not scored. */
  readonly labels: Int32Array;
  /** 1 where a token may be attended to, 0 where not; absent if all may. */
  readonly attentionMask?: Uint8Array;
}

/** Which of the assistant's turns are scored: every one, or the last. */
export type TrainOn = (typeof trainOnChoices)[number];
export const trainOnChoices = ['last', 'all'] as const;

/** How rows are read and how many are computed at a time where nothing else is said. Lengths are in tokens. */
export const rowDefaults = { maxLength: 512, trainOn: 'last', batchSize: 8 } as const;
