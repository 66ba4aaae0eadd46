/** How well `lanczos` finds the ends of a spectrum where nothing else is said: relative error, and most products. */
export const lanczosDefaults = { tolerance: 1e-3, maxSteps: 200 } as const;

/** Random vectors, and Lanczos steps for each, of a density where nothing else is said. */
export const densityDefaults = { probes: 10, steps: 80 } as const;

/** Products with vectors of a trace by Hutch++ where nothing else is said. */
export const traceDefaults = { products: 60 } as const;
