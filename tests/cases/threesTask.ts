import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes a family of tasks as users write theirs: a number, to which the right answer is always `3 3`. The bundled model does not
 * say so by itself, and learns it within a few steps.
 */
export async function writeThreesTask(folder: string, changes = ''): Promise<string> {
  const path = join(folder, 'threes.ts');
  await writeFile(
    path,
    `import type { TaskFamily, TaskProblem } from 'lambdamax/training';
     const threes: TaskFamily = {
       name: 'threes', metric: 'two threes', template: '{prompt}: ', stop: ['\\n'],
       read: (row) => row as unknown as TaskProblem,
       judge: async (_, responses) => responses.map((response) => ({ correct: response.trim() === '3 3' })),
       generate: ({ split, count, seed }) =>
         Array.from({ length: count }, (_, index) => ({ prompt: \`\${split} \${seed} \${index}\`, response: '3 3' })),
       ${changes}
     };
     export default threes;`,
  );
  return path;
}
