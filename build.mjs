/** `npm run build`: compiles the library and the command into dist/, and puts beside the code what it reads when it runs. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, statSync } from 'node:fs';

const { include } = JSON.parse(readFileSync('tsconfig.build.json', 'utf8'));
rmSync('dist', { recursive: true, force: true });

// By the shell, in which npm has put the programs of node_modules/.bin on the path: on Windows they are scripts.
const { status } = spawnSync('tsc -p tsconfig.build.json', { stdio: 'inherit', shell: true });
if (status !== 0) process.exit(1);

// Templates, style sheets, data and what runs in threads. The command's own scripts are in the package as they are.
const rooms = include.filter((name) => !name.includes('*') && name !== 'cli');
for (const room of rooms)
  cpSync(room, `dist/${room}`, {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts'),
  });
