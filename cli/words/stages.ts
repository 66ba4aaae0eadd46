import type { Stage, StageName } from '../../training/stage.ts';
import type { Output } from './output.ts';
import type { Progress } from './progress.ts';

/** What is said as a stage begins, and what its parts are. */
const stageWords: Readonly<Record<StageName, readonly [begins: string, parts: string]>> = {
  start: ['making initial values', 'modules'],
  compile: ['compiling', 'batches'],
  linearise: ['linearising batches', 'batches'],
  products: ['multiplying; the first product compiles its graph', 'products'],
  rounding: ['measuring what rounding does', 'vectors'],
  modules: ['multiplying, module by module', 'modules'],
  'top eigenvalues': ['multiplying for the top eigenvalues', 'products, top eigenvalues'],
  trace: ['multiplying for the trace', 'products, trace'],
  density: ['multiplying for the density', 'products, density'],
};

/** Stages whose parts are shown once they have taken so many milliseconds: most are done before. */
const patience: Readonly<Partial<Record<StageName, number>>> = { start: 2000, compile: 2000, linearise: 2000 };

/** The display of stages, one after another. */
export interface Stages {
  /** Shows where a stage is, with a few words about its last part. */
  show(stage: Stage, words?: string): void;
  /** Always to be called in the end. */
  stop(): void;
}

/** Shows stages: a line as each begins, since nothing can be shown while it computes, and how far it is where it has many parts. */
export function showStages(output: Output): Stages {
  let name: StageName | undefined;
  let began = 0;
  let progress: Progress | undefined;
  const stop = (): void => {
    progress?.stop();
    progress = undefined;
  };
  return {
    show(stage, words) {
      const [begins, parts] = stageWords[stage.name];
      if (stage.name !== name) {
        stop();
        name = stage.name;
        began = performance.now();
        output.stage(begins);
      }
      if (stage.total < 2 || performance.now() - began < (patience[stage.name] ?? 0)) return;
      progress ??= output.progress(stage.total, parts);
      progress.setTotal(stage.total);
      progress.update(stage.done, words);
    },
    stop,
  };
}
