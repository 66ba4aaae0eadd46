/**
 * The page of `lambdamax serve` in headless Chromium, while a study runs one of whose workers is killed: the page must follow the study
 * to its end by itself, write nothing to the console, and keep nobody from reading it (axe-core). Prints what it saw.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serveStudies } from '../../study/live/server.ts';
import { workersOf } from '../cases/processes.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { tinyStudy } from '../cases/tinyStudy.ts';

const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A message of the browser's debugging protocol. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** A page in a headless browser, spoken to through a pipe. */
async function openPage(folder: string, url: string) {
  const browser = spawn(
    'chromium',
    [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe'],
      ...['--window-size=1400,2000', `--user-data-dir=${join(folder, 'browser')}`],
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const [, , , commands, messages] = browser.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<number, (message: Message) => void>();
  const said: string[] = [];
  let rest = '';
  messages.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\0');
    rest = parts.pop()!;
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      if (message.id !== undefined) waiting.get(message.id)?.(message);
      else if (/consoleAPICalled|entryAdded|exceptionThrown/.test(message.method ?? '')) said.push(part);
    }
  });
  let last = 0;
  const call = async (method: string, params: object = {}, sessionId?: string) => {
    const id = ++last;
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    commands.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  };
  const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = (await call('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string };
  for (const domain of ['Runtime', 'Log']) await call(`${domain}.enable`, {}, sessionId);
  const goTo = (address: string) => call('Page.navigate', { url: address }, sessionId);
  await goTo(url);
  return {
    said,
    goTo,
    /** The value of an expression in the page. */
    async evaluate<T>(expression: string): Promise<T> {
      const parameters = { expression, awaitPromise: true, returnByValue: true };
      const { result } = (await call('Runtime.evaluate', parameters, sessionId)) as { result: { value: T } };
      return result.value;
    },
    async close() {
      browser.kill();
      await once(browser, 'close');
    },
  };
}

type Page = Awaited<ReturnType<typeof openPage>>;

/** Waits until the page shows something, without loading it again, and returns what was found. */
async function shows(page: Page, pattern: RegExp, seconds = 60): Promise<RegExpExecArray> {
  let text = '';
  for (let waited = 0; waited < seconds; waited += 0.1) {
    text = (await page.evaluate<string | undefined>("document.querySelector('main')?.innerText")) ?? '';
    const found = pattern.exec(text);
    if (found !== null) return found;
    await pause(100);
  }
  throw new Error(`the page does not show ${pattern} after ${seconds} s:\n${text}`);
}

/** What axe-core finds wrong. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = 'axe.run().then(({ violations }) => violations.map(({ id, help }) => id + ": " + help))';
  return page.evaluate<string[]>(found);
}

const study = (argv: readonly string[]) =>
  spawn(process.execPath, [script, ...argv], { stdio: ['ignore', 'ignore', 'ignore'] });

await inTemporaryFolder(async (folder) => {
  // Longer than the page takes to ask again, twice.
  const steps = 1000;
  const runs = join(folder, 'runs');
  const argv = await tinyStudy(folder, ['--steps', `${steps}`, '--workers', '2', '--study', join(runs, 'tiny')]);
  const killed = study(argv);
  const ended = once(killed, 'close');
  const server = await serveStudies(runs, { port: 0 });
  while (!existsSync(join(runs, 'tiny', 'study.json'))) await pause(100);
  const page = await openPage(folder, `${server.url}study?study=tiny`);
  try {
    const [, first] = await shows(page, new RegExp(`([1-9]\\d*) of ${steps}`));
    await page.evaluate('globalThis.isTheFirst = true');
    process.kill(workersOf(killed.pid!)[0]!, 'SIGKILL');
    await ended;
    const [stopped] = await shows(page, /stopped\s+\d of 6 runs/);
    await once(study(argv), 'close');
    const [finished] = await shows(page, /finished\s+6 of 6 runs/);
    const figures = await page.evaluate<string[]>("[...document.querySelectorAll('figure')].map(({ id }) => id)");
    const isTheFirst = await page.evaluate<boolean>('globalThis.isTheFirst === true');
    if (!figures.includes('sweep-curve') || !isTheFirst)
      throw new Error(`figures ${figures}, loaded once ${isTheFirst}`);
    const faults = await faultsOf(page);
    await page.goTo(server.url);
    await shows(page, /tiny\s+finished/);
    faults.push(...(await faultsOf(page)), ...page.said);
    if (faults.length > 0) throw new Error(faults.join('\n'));
    console.log(`${first} steps of a run, ${stopped}, ${finished}: ${figures.join(', ')}`);
    console.log('axe-core finds nothing on both pages, and the console is silent');
  } finally {
    killed.kill();
    await page.close();
    await server.close();
  }
});
