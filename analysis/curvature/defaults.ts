/** Batches whose steps `updateCurvature` is a mean over where nothing else is said. */
export const updateDefaults = { directions: 4 } as const;

/** How sharpness is measured along a run where nothing else is said: scored tokens, relative error, most products. */
export const sharpnessDefaults = { tokens: 1000, tolerance: 1e-2, maxSteps: 100 } as const;

/** The most that values kept between products may take, in bytes, where results must not depend on the memory that is free. */
export const steadyKeptBytes = 2e9;
