import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { moduleContent } from '../../training/moduleContent.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

/** A user's project: one module, and around it all the ways in which a module takes in others. */
const project: Readonly<Record<string, string>> = {
  'mine/variant.ts': `import { a } from './a.ts';
    import type { T } from "../types.ts";
    export * from './reexported.mjs';
    import table from './table.json' with { type: 'json' };
    import { helper } from 'helper/deep';
    import { scoped } from '@some/scoped';
    import { linked } from 'linked';
    import { mapped } from '#mapped';
    import { compiled } from './compiled.js';
    import { lowRank } from 'lambdamax/training';
    import { readFileSync } from 'node:fs';
    const later = await import('./later.ts');
    const old = require('./old');
    const folder = require('./folder');
    const start = readFileSync(new URL('start.bin', import.meta.url));
    const words = readFileSync('./words.txt');
    export default {};`,
  'mine/a.ts': "import { b } from './b.ts'; export const a = b;",
  'mine/b.ts': "import './a.ts'; export const b = 1;",
  'types.ts': 'export type T = 1;',
  'mine/reexported.mjs': 'export const c = 1;',
  'mine/table.json': '{ "d": 1 }',
  'mine/compiled.ts': 'export const e = 1;',
  'mine/later.ts': 'export const f = 1;',
  'mine/old.cjs': 'module.exports = 1;',
  'mine/folder/index.js': 'module.exports = 1;',
  'mine/start.bin': '\0\u0001',
  'mine/words.txt': 'one two',
  'mine/mapped.js': 'export const mapped = 1;',
  'package.json': '{ "type": "module", "imports": { "#mapped": "./mine/mapped.js" } }',
  'node_modules/helper/package.json': '{ "name": "helper", "version": "1.2.3" }',
  'node_modules/helper/deep.js': 'export const helper = 1;',
  'node_modules/@some/scoped/package.json': '{ "name": "@some/scoped", "version": "1.0.0" }',
  'work/linked/package.json': '{ "name": "linked", "version": "1.0.0" }',
  'work/linked/src/index.ts': 'export const linked = 1;',
  'mine/other.ts': 'export const nobody = 1;',
};

async function write(root: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return join(root, 'mine/variant.ts');
}

async function writeProject(root: string): Promise<string> {
  const entry = await write(root, project);
  await symlink(join('..', 'work', 'linked'), join(root, 'node_modules', 'linked'));
  return entry;
}

const neverCounts = ['mine/other.ts', 'package.json', 'node_modules/helper/deep.js'];

for (const name of Object.keys(project).filter((one) => !neverCounts.includes(one)))
  test(`another ${name} is another content, and the old one again is the old content`, () =>
    inTemporaryFolder(async (folder) => {
      const entry = await writeProject(folder);
      const before = await moduleContent(entry);
      const text = project[name]!;
      await write(folder, { [name]: text.includes('1') ? text.replace('1', '2') : `${text}.` });
      assert.is.not(await moduleContent(entry), before);
      await write(folder, { [name]: text });
      assert.is(await moduleContent(entry), before);
    }));

test('a file that nobody imports, and where the project lies, are no part of the content', () =>
  inTemporaryFolder(async (folder) => {
    const entry = await writeProject(join(folder, 'here'));
    const before = await moduleContent(entry);
    await write(join(folder, 'here'), { 'mine/other.ts': 'export const nobody = 2;' });
    assert.is(await moduleContent(entry), before);
    await cp(join(folder, 'here'), join(folder, 'there'), { recursive: true, verbatimSymlinks: true });
    assert.is(await moduleContent(join(folder, 'there/mine/variant.ts')), before);
  }));

test('a new version of a package is another content, an edit of its files under the same version is not', () =>
  inTemporaryFolder(async (folder) => {
    const entry = await writeProject(folder);
    const before = await moduleContent(entry);
    await write(folder, { 'node_modules/helper/deep.js': 'export const helper = 2;' });
    assert.is(await moduleContent(entry), before);
    await write(folder, { 'node_modules/helper/package.json': '{ "name": "helper", "version": "1.2.4" }' });
    assert.is.not(await moduleContent(entry), before);
  }));

test.run();
