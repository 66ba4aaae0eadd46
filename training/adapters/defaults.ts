/** What a new adapter is where nothing else is said, as of the command line too. Scaling follows from alpha / rank. */
export const adapterDefaults = { rank: 8, alpha: 16, targetModules: 'all-linear', initSeed: 0 } as const;
