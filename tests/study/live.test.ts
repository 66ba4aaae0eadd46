import { appendFile, mkdir, readdir, readFile, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { request as send } from 'node:http';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { beginRun, finishRun } from '../../study/folder/record.ts';
import { runFolder } from '../../study/folder/runFolders.ts';
import { serveStudies } from '../../study/live/server.ts';
import { runConfiguration, type StudyPlan } from '../../study/plan/plan.ts';
import type { RunResult } from '../../study/plan/result.ts';
import { type RunConfiguration, runKey } from '../../study/plan/run.ts';
import { lockFolder } from '../../training/checkpoint/folderLock.ts';
import { hostileText } from '../cases/pages.ts';
import { leaveSpectra, parabolaResult, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf } from '../cases/tinyStudy.ts';
import { throwsClearly } from '../oracles/throws.ts';

interface Said {
  readonly status: number;
  readonly page: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Asks as no browser would let a page ask: with any method and any Host. */
function ask(url: string, { method = 'GET', host }: { method?: string; host?: string } = {}): Promise<Said> {
  const { port, pathname, search } = new URL(url);
  // The path as it is written: a URL would take its dots away.
  const path = url.slice(url.indexOf('/', 'http://'.length)) || `${pathname}${search}`;
  return new Promise((resolve, reject) => {
    const headers = { host: host ?? `localhost:${port}` };
    const request = send({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let page = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        page += part;
      });
      response.on('end', () => resolve({ status: response.statusCode!, page, headers: response.headers }));
    });
    request.on('error', reject);
    request.end();
  });
}

/** Calls `body` with a folder of studies, and where it is served. */
const served = (body: (folder: string, url: string) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => {
    const server = await serveStudies(folder, { port: 0 });
    try {
      await body(folder, server.url);
    } finally {
      await server.close();
    }
  });

const plan = somePlan({
  methods: ['lora', 'pissa'],
  grid: [1e-3, 4e-3, 16e-3],
  seeds: [0],
  mostRates: 0,
  refinements: 0,
});

const runOf = (index: number, learningRate: number): RunConfiguration =>
  runConfiguration(plan, { configuration: plan.configurations[index]!, learningRate, seed: 0 });

const metrics = (steps: number, from = 1): string =>
  Array.from(
    { length: steps },
    (_, i) => `${JSON.stringify({ step: from + i, loss: 3 - 0.01 * i, seconds: from + i })}\n`,
  ).join('');

/** Writes a study of this plan, with none of its runs. */
async function leaveStudy(folder: string, name: string, of: StudyPlan = plan): Promise<string> {
  const study = join(folder, name);
  for (const inner of ['runs', 'spectra']) await mkdir(join(study, inner), { recursive: true });
  await writeFile(join(study, 'study.json'), JSON.stringify(of));
  return study;
}

/** Begins a run that has made some steps, and returns its folder. */
async function leaveBegun(study: string, run: RunConfiguration, steps: number): Promise<string> {
  const path = await beginRun(study, run);
  await writeFile(join(path, 'metrics.jsonl'), metrics(steps));
  return path;
}

async function leaveDone(study: string, run: RunConfiguration, more: object = {}): Promise<void> {
  await leaveBegun(study, run, 100);
  await finishRun(study, run, { ...parabolaResult(run), seconds: 50, ...more } as RunResult);
}

const all = [0, 1].flatMap((index) => plan.grid.map((rate) => runOf(index, rate)));

test(
  'studies of a folder are listed, those of several tasks too, each with what it does and how far it has come',
  served(async (folder, url) => {
    const [done, still] = [await leaveStudy(folder, 'done'), await leaveStudy(folder, 'still')];
    for (const run of all) await leaveDone(done, run);
    await leaveDone(still, all[0]!);
    await leaveStudy(folder, 'tasks/math');
    await mkdir(join(folder, 'no-study'));
    const { status, page, headers } = await ask(url);
    assert.is(status, 200);
    assert.match(page, '<span>3 studies</span>');
    for (const name of ['done', 'still', 'tasks/math']) assert.match(page, `>${name}</a></h2>`);
    assert.not.match(page, 'no-study');
    assert.match(page, /finished<\/span> 6 of 6 runs are done\./);
    assert.match(page, /stopped<\/span> 1 of 6 runs are done\./);
    assert.match(page, /stopped<\/span> 0 of 6 runs are done\./);
    assert.is(headers['x-content-type-options'], 'nosniff');
    assert.match(
      String(headers['content-security-policy']),
      /^default-src 'none'; script-src 'sha256-[^ ]+'; style-src 'sha256-/,
    );
    assert.is((await ask(url, { method: 'HEAD' })).page, '');
    const known = await fetch(url, { headers: { 'if-none-match': String(headers.etag) } });
    assert.is(known.status, 304);
  }),
);

test(
  'a folder without a study says so, and shows one as soon as there is one; a study may be served by itself',
  served(async (folder, url) => {
    assert.match((await ask(url)).page, 'There is no study yet');
    const study = await leaveStudy(folder, 'first');
    assert.match((await ask(url)).page, '>first</a>');
    const server = await serveStudies(study, { port: 0 });
    assert.match((await ask(server.url)).page, '>first</a>');
    await server.close();
  }),
);

test(
  'a study in progress: what runs with its loss as it comes, what failed, the score against the rate, sharpness, time left',
  served(async (folder, url) => {
    const study = await leaveStudy(folder, 'one');
    await leaveBegun(study, all[5]!, 7);
    await leaveDone(study, all[1]!);
    await leaveDone(study, all[4]!);
    await leaveDone(study, all[0]!, { status: 'diverged', reason: 'loss is not finite', validationLoss: null });
    const spectrum = { lambdaMax: { value: 40, residualBound: 0, standardError: null }, tokens: 10, batches: 2 };
    await leaveSpectra(plan, study, () => spectrum);
    const page = async (): Promise<string> => (await ask(`${url}study?study=one`)).page;

    const stopped = await page();
    assert.match(stopped, /stopped<\/span> 3 of 6 runs are done\./);
    assert.match(stopped, 'No run is under way.');
    assert.match(stopped, 'pissa at 1.60e-2, seed 0 was interrupted after 7 of 100 steps.');

    // What was begun before a process took hold of the study waits for it.
    const lock = await lockFolder(study);
    await appendFile(join(runFolder(study, runKey(all[5]!)), 'metrics.jsonl'), metrics(1, 8));
    const running = await page();
    assert.match(
      running,
      /running<\/span> 3 of 6 runs are done\. About 142 s|running<\/span> 3 of 6 runs are done\. About 2 min/,
    );
    assert.match(running, '8 of 100');
    assert.match(running, 'The loss of 1 run under way');
    assert.match(running, 'lora at 1.00e-3, seed 0 diverged: loss is not finite.');
    assert.not.match(running, 'was interrupted');
    assert.match(running, 'measured for 2 of 2 configurations');
    for (const id of ['running-loss', 'sweep-curve', 'lambda-max', 'learning-curves'])
      assert.match(running, `<figure class="figure" id="${id}">`);

    await appendFile(join(runFolder(study, runKey(all[5]!)), 'metrics.jsonl'), metrics(4, 9));
    assert.match(await page(), '12 of 100');
    await finishRun(study, all[5]!, {
      ...parabolaResult(all[5]!),
      status: 'finished',
      finalLoss: 2.5,
      validationLoss: 2.5,
    });
    const next = await page();
    assert.match(next, /4 of 6 runs are done/);
    assert.match(next, 'No run is under way.');
    await lock.release();
  }),
);

test(
  'files that are half written, broken or gone break no page',
  served(async (folder, url) => {
    const study = await leaveStudy(folder, 'one');
    const path = await leaveBegun(study, all[0]!, 5);
    const broken = await leaveBegun(study, all[1]!, 5);
    const page = async (): Promise<string> => {
      const said = await ask(`${url}study?study=one`);
      assert.is(said.status, 200);
      return said.page;
    };
    const lock = await lockFolder(study);
    await appendFile(join(path, 'metrics.jsonl'), '{"step":6,"lo');
    assert.match(await page(), '5 of 100');
    await appendFile(join(path, 'metrics.jsonl'), 'ss":2.5,"seconds":6}\n{"step":7,"loss":null}\n');
    assert.match(await page(), /7 of 100<\/td><td>not finite/);
    await writeFile(join(broken, 'result.json'), '{"status":"fin');
    assert.match(await page(), 'lora at 4.00e-3, seed 0 has a result.json that cannot be read');
    await unlink(join(path, 'metrics.jsonl'));
    assert.match(await page(), '0 of 100');
    await writeFile(join(path, 'run.json'), '{');
    await mkdir(join(study, 'runs', 'not-a-run'));
    await page();
    await lock.release();

    await writeFile(join(await leaveStudy(folder, 'other'), 'study.json'), '{"version":2,');
    const list = await ask(url);
    assert.is(list.status, 200);
    assert.match(list.page, /unreadable<\/span> It cannot be read now\./);
    assert.match(list.page, /stopped<\/span> 0 of 6 runs are done\./);
    const { status, page: words } = await ask(`${url}study?study=other`);
    assert.is(status, 409);
    assert.match(words, 'This cannot be shown now');
    assert.is((await ask(`${url}report?study=one`)).status, 409);
  }),
);

test(
  'a run that an earlier process left behind is interrupted, and not under way, while another works on the study',
  served(async (folder, url) => {
    const study = await leaveStudy(folder, 'one');
    const left = await leaveBegun(study, all[0]!, 5);
    const before = new Date(Date.now() - 60_000);
    for (const path of [join(left, 'metrics.jsonl'), left]) await utimes(path, before, before);
    const lock = await lockFolder(study);
    await leaveBegun(study, all[1]!, 7);
    const { page } = await ask(`${url}study?study=one`);
    assert.match(page, 'lora at 1.00e-3, seed 0 was interrupted after 5 of 100 steps.');
    assert.match(page, '7 of 100');
    assert.not.match(page, '5 of 100<');
    await lock.release();
  }),
);

test(
  'a finished study has its report, and several are compared in one',
  served(async (folder, url) => {
    for (const [name, model] of [
      ['a', 'm0'],
      ['b', 'm1'],
    ] as const) {
      const study = await leaveStudy(folder, name, { ...plan, modelHash: model, model: `models/${name}` });
      for (const run of all) await leaveDone(study, { ...run, modelHash: model });
    }
    const one = await ask(`${url}report?study=a`);
    assert.is(one.status, 200);
    assert.match(one.page, /best learning rates/i);
    assert.match(String(one.headers['content-security-policy']), "'strict-dynamic'");
    const both = await ask(`${url}report?study=a&study=b`);
    assert.match(both.page, 'The model differs');
    assert.is((await ask(`${url}report`)).status, 400);
  }),
);

test(
  "requests under another host's name are refused, of any method but GET and HEAD, and for what is not in the list",
  served(async (folder, url) => {
    await leaveStudy(folder, 'one');
    await writeFile(join(folder, 'secret.txt'), 'secret');
    const { port } = new URL(url);
    for (const host of [`evil.example:${port}`, 'localhost', `localhost:${Number(port) + 1}`, `localhost.evil:${port}`])
      assert.is((await ask(url, { host })).status, 403, host);
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `LOCALHOST:${port}`])
      assert.is((await ask(url, { host })).status, 200, host);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await ask(url, { method });
      assert.is(status, 405);
      assert.is(headers.allow, 'GET, HEAD');
    }
    const outside = [
      'study?study=../one',
      'study?study=..',
      'study?study=/etc',
      'study?study=one/../one',
      'report?study=one&study=..',
    ];
    const nowhere = [
      'secret.txt',
      '../secret.txt',
      '%2e%2e/secret.txt',
      'runs/',
      'study/one',
      'favicon.ico',
      '/etc/passwd',
    ];
    for (const path of [...outside, ...nowhere]) {
      const { status, page } = await ask(`${url}${path}`);
      assert.is(status, 404, path);
      assert.not.match(page, 'secret');
    }
    assert.is((await ask(`${url}study`)).status, 400);
  }),
);

test(
  'names and texts of a study are text, never markup',
  served(async (folder, url) => {
    const name = hostileText.replaceAll('/', '-');
    const study = await leaveStudy(folder, name, { ...plan, model: hostileText, data: [hostileText] });
    await leaveDone(study, all[0]!, { status: 'diverged', reason: hostileText, validationLoss: null });
    const { page } = await ask(url);
    const [, link] = /<h2><a [^>]*href="([^"]+)"/.exec(page)!;
    const own = await ask(new URL(link!.replaceAll('&amp;', '&'), url).href);
    assert.is(own.status, 200);
    for (const text of [page, own.page]) {
      assert.is(text.match(/<script/g)?.length, 1);
      assert.not.match(text, '<img');
    }
  }),
);

test(
  'nothing is written: no file appears, changes or is touched',
  served(async (folder, url) => {
    const study = await leaveStudy(folder, 'one');
    await leaveDone(study, all[1]!);
    await leaveBegun(study, all[0]!, 3);
    const state = async () =>
      Promise.all(
        (await filesOf(folder)).map(async (path) => [
          path,
          (await stat(join(folder, path))).mtimeMs,
          await readFile(join(folder, path), 'utf8'),
        ]),
      );
    const before = await state();
    for (const path of ['', 'study?study=one', 'report?study=one']) assert.is((await ask(`${url}${path}`)).status, 200);
    assert.equal(await state(), before);
    assert.equal(await readdir(folder), ['one']);
  }),
);

test('a port that is taken is refused by its number', () =>
  inTemporaryFolder(async (folder) => {
    const server = await serveStudies(folder, { port: 0 });
    const port = Number(new URL(server.url).port);
    await throwsClearly(
      () => serveStudies(folder, { port }),
      new RegExp(`port ${port}: expected a free port, got one that another program uses`),
    );
    await server.close();
  }));

test.run();
