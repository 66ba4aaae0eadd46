/**
 * How `recommend` looks for a rate where nothing else is said; the budget is a part of the run's own gradient evaluations. The
 * warm-up is one step, that Adam has moments, and small beside any rate that trains: the line search then begins where training does.
 */
export const recommendDefaults = {
  by: 'probes',
  budget: 0.1,
  prior: true,
  warmup: { steps: 1, learningRate: 1e-6 },
} as const;
