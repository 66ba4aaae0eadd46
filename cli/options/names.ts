// Names for the help, from the registries themselves. Heavy ones are imported when a help is shown.

/** All LoRA variants. */
export async function methodNames(): Promise<string[]> {
  const { adapterMethods } = await import('../../training/adapters/index.ts');
  return adapterMethods.map(({ name }) => name);
}

/** The LoRA variants that stand on residual weights. */
export async function residualMethodNames(): Promise<string> {
  const { adapterMethods } = await import('../../training/adapters/index.ts');
  const residual = adapterMethods.filter(({ keepsFunctionBy }) => keepsFunctionBy === 'residualWeight');
  return residual.map(({ name }) => name).join(', ');
}

/** All families of tasks. */
export async function taskNames(): Promise<string[]> {
  const { taskFamilies } = await import('../../training/tasks/index.ts');
  return taskFamilies.map(({ name }) => name);
}

/** All figures of a study, and those of a run. */
export async function figureNames(): Promise<string> {
  const { reportFigureNames } = await import('../../analysis/report/report.ts');
  const { runFigureNames } = await import('../../analysis/report/runPage.ts');
  return `${reportFigureNames.join(', ')}; of a run ${runFigureNames.join(', ')}`;
}
