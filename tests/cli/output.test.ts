import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createOutput, shortNumber } from '../../cli/words/output.ts';
import { showProgress } from '../../cli/words/progress.ts';
import { keepingStream } from '../cases/commandLine.ts';

const value = { loss: 2.5, infinite: Number.POSITIVE_INFINITY, values: new Float32Array([1, 0.5]) };

test('with json, standard output is exactly one object; words go to standard error', () => {
  const [stdout, stderr] = [keepingStream(), keepingStream()];
  const output = createOutput({ json: true, quiet: false }, stdout, stderr);
  output.say('at work');
  output.result(value, () => ['words']);
  assert.equal(JSON.parse(stdout.text()), { loss: 2.5, infinite: null, values: [1, 0.5] });
  assert.is(stderr.text(), 'at work\n');
  assert.throws(() => output.result(value, () => []), /one result/);
});

test('without json, the result is its words', () => {
  const [stdout, stderr] = [keepingStream(), keepingStream()];
  createOutput({ json: false, quiet: false }, stdout, stderr).result(value, () => ['one', 'two']);
  assert.is(stdout.text(), 'one\ntwo\n');
  assert.is(stderr.text(), '');
});

test('quiet leaves the result and warnings', () => {
  const [stdout, stderr] = [keepingStream(), keepingStream()];
  const output = createOutput({ json: false, quiet: true }, stdout, stderr);
  output.say('at work');
  const progress = output.progress(2, 'runs');
  progress.update(2);
  progress.stop();
  output.warn('beware');
  output.result(value, () => ['done']);
  assert.is(stdout.text(), 'done\n');
  assert.is(stderr.text(), 'beware\n');
});

test('a table is aligned: words on the left, numbers on the right, nothing as a dash', () => {
  const output = createOutput({ json: false, quiet: false }, keepingStream(), keepingStream());
  const rows = [
    ['lora', 1.19e-2, null],
    ['milora', 2e-5, 12.345678],
  ];
  assert.equal(output.table(['method', 'rate', 'lambda'], rows), [
    'method    rate  lambda',
    'lora    0.0119       -',
    'milora    2e-5   12.35',
  ]);
});

test('short numbers', () => {
  const cases = [0, 0.001, 2e-5, -3.14182, 123456, 1234567, 99999.96, Number.NaN];
  assert.equal(
    cases.map((number) => shortNumber(number)),
    ['0', '0.001', '2e-5', '-3.142', '123500', '1.235e6', '100000', 'NaN'],
  );
});

test('names of strangers cannot make a terminal do anything, in tables, words and progress', () => {
  const [stdout, stderr] = [keepingStream(), keepingStream()];
  const output = createOutput({ json: false, quiet: false }, stdout, stderr);
  const name = 'lora\u001b]0;title\u0007\u009b2J\r\b';
  output.say(name);
  output.warn(name);
  const progress = output.progress(1, name);
  progress.update(1, name);
  progress.stop();
  output.result({}, () => [name, ...output.table([name], [[name], [1]])]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.not.match(stdout.text() + stderr.text(), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  assert.match(stdout.text(), /lora\ufffd]0;title/);
});

test('in a file progress is a line every tenth of the way', () => {
  const stream = keepingStream();
  const progress = showProgress(100, 'runs', { quiet: false, stream });
  for (let done = 0; done <= 100; done++) progress.update(done, done === 50 ? 'half' : '');
  progress.stop();
  const lines = stream.text().trimEnd().split('\n');
  assert.is(lines.length, 10);
  assert.is(lines[4], 'runs 50/100  half');
  assert.is(lines.at(-1), 'runs 100/100');
});

test('a bar leaves signals to the process, and shows the cursor again when that exits', () => {
  const handlers = () => ['exit', 'SIGINT', 'SIGTERM'].map((event) => process.listenerCount(event));
  const showCursor = '\u001b[?25h';
  const [before, stream] = [handlers(), keepingStream(true)];
  const progress = showProgress(3, 'runs', { quiet: false, stream });
  const [exits, ...signals] = handlers();
  assert.equal(signals, before.slice(1));
  assert.is(exits, before[0]! + 1);
  progress.update(1, 'lora');
  assert.not(stream.text().includes(showCursor));
  process.listeners('exit').at(-1)!.call(process, 0);
  assert.ok(stream.text().includes(showCursor));
  progress.stop();
  assert.equal(handlers(), before);
});

test('a total that grows does not repeat lines', () => {
  const stream = keepingStream();
  const progress = showProgress(2, 'runs', { quiet: false, stream });
  progress.update(1);
  progress.setTotal(4);
  progress.update(2);
  progress.update(2);
  progress.update(4);
  assert.is(stream.text(), 'runs 1/2\nruns 2/4\nruns 4/4\n');
});

test.run();
