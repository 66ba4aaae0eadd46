import { existsSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapterMethods } from '../../training/adapters/index.ts';
import { families } from '../../training/models/index.ts';
import { optimizerNames } from '../../training/optimizers/index.ts';
import { taskFamilies } from '../../training/tasks/index.ts';
import { commandLine } from '../cases/commandLine.ts';
import { shippedFolders, sourcesIn, textOf } from '../cases/sources.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(`${root}docs`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** A page's indented blocks, line by line, and what stands between backticks elsewhere. */
function codeOf(page: string): { readonly code: string[]; readonly prose: string } {
  const text = textOf(page).replaceAll(/^```.*$[\s\S]*?^```$/gm, '');
  const lines = text.split('\n');
  const isCode = (line: string): boolean => /^ {4}\S/.test(line);
  const prose = lines.filter((line) => !isCode(line)).join('\n');
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span]) => span!);
  return { code: [...lines.filter(isCode).map((line) => line.trim()), ...spans], prose };
}

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(page: string): Set<string> {
  const headings = [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!.replaceAll('`', ''));
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** What is wrong with a link of a page to another file or heading; null if it can be followed, or leads elsewhere. */
function faultOf(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null;
  const [path, anchor] = link.split('#', 2) as [string, string?];
  const target = path === '' ? page : posix.join(posix.dirname(page), path);
  if (!existsSync(root + target)) return `${page}: ${link} leads to no file`;
  if (anchor !== undefined && !anchorsOf(target).has(anchor)) return `${page}: ${link} leads to no heading`;
  return null;
}

test('every link between the pages leads to a file and a heading', () => {
  const links = pages.flatMap((page) =>
    [...codeOf(page).prose.matchAll(/\]\(([^)\s]+)\)|\b(?:src|href)="([^"]+)"/g)].map(([, link, source]) => ({
      page,
      link: (link ?? source)!,
    })),
  );
  assert.ok(links.length > 40, `only ${links.length} links were found`);
  assert.equal(
    links.flatMap(({ page, link }) => faultOf(page, link) ?? []),
    [],
  );
});

test('a link to a file or heading that is not there is found', () => {
  assert.match(faultOf('README.md', 'docs/nowhere.md')!, 'no file');
  assert.match(faultOf('README.md', 'docs/theory.md#nowhere')!, 'no heading');
  assert.is(faultOf('docs/README.md', 'theory.md#four-claims'), null);
});

test('README has at most 150 lines, one example, and a way to every page', () => {
  const text = textOf('README.md');
  assert.ok(text.trimEnd().split('\n').length <= 150);
  assert.is(text.match(/^```ts$/gm)?.length, 1);
  const index = textOf('docs/README.md');
  for (const page of pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md'))
    assert.ok(index.includes(`](${posix.basename(page)})`), `docs/README.md does not name ${page}`);
});

test('the pages name every command and every entry, and no command or option that is not there', async () => {
  const { stdout: list } = await commandLine(['--help']);
  const names = [...list.matchAll(/^ {2}lambdamax ([a-z]+)/gm)].map(([, name]) => name!);
  const options = new Map<string, Set<string>>();
  for (const name of names) {
    const { stdout } = await commandLine([name, '--help']);
    const lines = [...stdout.matchAll(/^ {2}(?:-[a-z], | {4})(--[a-z-]+(?:, --[a-z-]+)*)/gm)];
    const known = lines.flatMap(([, names]) => names!.split(', '));
    options.set(name, new Set(known));
  }
  const all = new Set([...options.values()].flatMap((known) => [...known]));

  const faults: string[] = [];
  const named = new Set<string>();
  for (const page of pages.filter((page) => page !== 'CHANGELOG.md')) {
    // What npm and others are given is theirs.
    for (const code of codeOf(page).code.filter((code) => !/^(npm|node|git|bash) /.test(code))) {
      const command = code.match(/^(?:npx )?lambdamax ([a-z]+)/)?.[1];
      if (command !== undefined) named.add(command);
      if (command !== undefined && !options.has(command)) faults.push(`${page}: no command ${command}`);
      const known = options.get(command ?? '') ?? all;
      for (const [option] of code.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)) {
        if (!known.has(option) && !known.has(option.replace('--no-', '--')))
          faults.push(`${page}: ${option} in ${code}`);
      }
    }
  }
  assert.equal(faults, []);
  assert.equal(
    names.filter((name) => !named.has(name)),
    [],
  );
  const { exports: entries } = JSON.parse(textOf('package.json')) as { exports: Record<string, unknown> };
  const architecture = textOf('docs/architecture.md');
  for (const entry of Object.keys(entries).filter((entry) => entry !== './package.json'))
    assert.ok(architecture.includes(`\`lambdamax${entry.slice(1)}\``), `docs/architecture.md does not name ${entry}`);
});

test('the pages name every variant, optimizer, model family and task', () => {
  const told: readonly (readonly [page: string, names: readonly string[]])[] = [
    ['docs/methods.md', [...adapterMethods.map(({ name }) => name), ...optimizerNames]],
    ['docs/models.md', families.map(({ modelType }) => modelType)],
    ['docs/tasks.md', taskFamilies.map(({ name }) => name)],
  ];
  for (const [page, names] of told) {
    const named = new Set([...textOf(page).matchAll(/`([^`]+)`/g)].map(([, span]) => span!));
    assert.equal(
      names.filter((name) => !named.has(name)),
      [],
      `${page} does not name them`,
    );
  }
});

test('a file or folder of ours that the pages name is there', () => {
  const ours =
    /^(?:compute|numerics|workers|training|analysis|study|cli|bench|tests|fixtures|notebooks|\.ci)\/[\w./-]*$/;
  const named = pages.flatMap((page) => codeOf(page).code.filter((code) => ours.test(code)));
  assert.ok(named.length > 20, `only ${named.length} were found`);
  assert.equal(
    named.filter((path) => !existsSync(root + path)),
    [],
  );
});

test('the page on architecture has every room, and every folder in it', () => {
  const text = textOf('docs/architecture.md');
  for (const room of shippedFolders) {
    const row = text.match(new RegExp(`^\\| \`${room}/\`.*`, 'm'))?.[0] ?? '';
    const folders = readdirSync(root + room, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const missing = folders.filter(({ name }) => !row.includes(`\`${name}/\``)).map(({ name }) => `${room}/${name}`);
    assert.equal(row === '' ? [room] : missing, []);
  }
});

test('the version is the same in package.json, CITATION.cff and CHANGELOG.md', () => {
  const { version } = JSON.parse(textOf('package.json')) as { version: string };
  assert.ok(textOf('CITATION.cff').includes(`\nversion: ${version}\n`));
  assert.ok(textOf('CHANGELOG.md').includes(`\n## ${version} - `));
});

/** A line of a doc comment that goes on with another's sentence: in a hover it is read alone. */
const leaning = /^ *(?:\/\*\*|\*) (?:Of|The same|As)\b.*/gm;

test('every doc comment begins with what the thing is, and is read alone', () => {
  const rooms = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$|docs$|fixtures$|runs$)/.test(entry.name))
    .map(({ name }) => name);
  assert.ok(rooms.includes('compute') && rooms.includes('tests'), `only ${rooms} were found`);
  const sources = [...sourcesIn(...rooms), { path: 'errors.ts', text: textOf('errors.ts') }];
  const faults = sources.flatMap(({ path, text }) =>
    [...text.matchAll(leaning)].map(([comment]) => `${path}: ${comment.trim()}`),
  );
  assert.equal(faults, []);
  for (const bad of ['  /** Of the step. */', '/**\n * The same in words.\n */', '/** As in PEFT. */'])
    assert.is([...bad.matchAll(leaning)].length, 1);
  for (const good of ['/** Offset in bytes. */', '/** Name as in PEFT. */', '  // As written.'])
    assert.is([...good.matchAll(leaning)].length, 0);
});

test.run();
