import { spawn } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { Sandbox } from '../../../training/tasks/code/sandbox/sandbox.ts';

// Little for programs that do not end, much for those that do.
const sandboxes = {
  strict: new Sandbox({ operations: 1e7, processorMilliseconds: 2000 }),
  patient: new Sandbox({ operations: 1e9, processorMilliseconds: 120_000 }),
};
test.after(async () => {
  for (const sandbox of Object.values(sandboxes)) await sandbox.release();
});

/** Scripts of which the first is the program's and the others are its tests. */
const runIn = (sandbox: Sandbox) => (scripts: readonly string[]) =>
  sandbox.run({ program: scripts[0] ?? '', tests: scripts.slice(1) });
const [strict, patient] = [{ run: runIn(sandboxes.strict) }, { run: runIn(sandboxes.patient) }];

const good: Readonly<Record<string, readonly string[]>> = {
  'an empty program': [],
  'a function and its tests': ['function twice(x) { return 2 * x; }', 'if (twice(4) !== 8) throw new Error();'],
  'scripts that share their functions and constants': ['const k = 3; let n = 1; class A {}', 'n += k; new A();'],
  'recursion ten thousand calls deep': ['const f = (n) => (n ? f(n - 1) + 1 : 0); if (f(10_000) !== 10_000) throw 1;'],
  'ten megabytes': ['if (new Uint8Array(1e7).fill(1).length !== 1e7) throw 1;'],
  'a full stack that is caught': ['const f = () => f(); try { f(); } catch {}'],
  'promises that are kept': ['(async () => { await null; await new Promise((done) => done()); })()'],
  'modern language': ['if ([3, 1].toSorted().at(-1) !== 3 || !new Set([1]).union(new Set([2])).has(2)) throw 1;'],
  'the tests of MultiPL-E': [
    'function twice(x) { return [x, x]; }',
    `const assert = require('node:assert');
     function test() { let candidate = twice; assert.deepEqual(candidate(4), [4, 4]); }
     test();`,
  ],
  'the tests of HumanEval-X': ['const f = (x) => x;', 'const testF = () => { console.assert(f(1) === 1); }; testF();'],
  'what is printed': ['console.log("a"); console.error({});'],
};
for (const [name, scripts] of Object.entries(good))
  test(`passes: ${name}`, async () => {
    assert.equal(await patient.run(scripts), { passed: true, reason: null });
  });

const wrong: Readonly<Record<string, readonly [scripts: readonly string[], reason: RegExp]>> = {
  'a syntax error': [['function f( {'], /^SyntaxError/],
  'an exception': [['throw new TypeError("no")'], /^TypeError: no$/],
  'an exception that is no error': [['throw "text"'], /^text$/],
  'console.assert': [['console.assert(1 === 2)'], /^AssertionError/],
  'a failed assertion': [["require('assert').equal(1, 2)"], /^AssertionError: expected.* 2, got 1$/],
  'a promise that is broken': [['Promise.reject(new Error("late"))'], /^Error: late$/],
  'a promise that is never settled': [['new Promise(() => {})'], /never settled/],
  'an exception in the tests alone': [['const f = 1', 'f()'], /^TypeError/],
};
for (const [name, [scripts, reason]] of Object.entries(wrong))
  test(`fails: ${name}`, async () => {
    const result = await patient.run(scripts);
    assert.is(result.passed, false);
    assert.match(result.reason!, reason);
  });

/** Programs that must fail, whatever the reason, and after which the next one must pass. */
const hostile: Readonly<Record<string, string>> = {
  'an endless loop': 'for (;;);',
  'an endless loop that catches everything': 'for (;;) { try { for (;;); } catch {} }',
  'an endless loop in a comparison': '[3, 2, 1].sort(() => { for (;;); });',
  'an endless loop in a getter of what is thrown': 'throw { get message() { for (;;); }, toString() { for (;;); } };',
  'an endless chain of promises': 'const next = () => Promise.resolve().then(next); next();',
  'an endless generator': 'function* g() { for (;;) yield 1; } [...g()];',
  'a search that no interrupt reaches': 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);',
  'endless recursion': 'function f() { return f() + 1; } f();',
  'endless recursion through a proxy': 'const p = new Proxy({}, { get: (t, key, self) => self[key] }); p.x;',
  'endless recursion through a generator': 'function* g() { yield* g(); } [...g()];',
  'nested JSON': 'JSON.parse("[".repeat(1e6));',
  'nested code': 'eval("(".repeat(1e6));',
  'a nested regular expression': 'new RegExp("(".repeat(1e6));',
  'an array without end': 'const all = []; for (;;) all.push(new Array(1000).fill(1));',
  'a text without end': 'let text = "x"; for (;;) text += text;',
  'many texts': 'const all = []; for (;;) all.push("x".repeat(1e6) + all.length);',
  'a buffer of 2 GB': 'new ArrayBuffer(2 ** 31 - 1);',
  'buffers without end': 'const all = []; for (;;) all.push(new ArrayBuffer(2 ** 24));',
  'an array of four thousand million': 'new Array(2 ** 32 - 1).fill(0);',
  'a text of half a gigabyte': '"x".repeat(2 ** 29);',
  'a number of ten million digits': '10n ** 10_000_000n; let x = 3n; for (;;) x *= x;',
  'a map without end': 'const map = new Map(); for (let i = 0; ; i++) map.set({}, i);',
  'a regular expression that backtracks': 'if (/^(a+)+$/.test("a".repeat(40) + "b")) throw 1; for (;;);',
  'a message of 16 MB': 'throw new Error("x".repeat(2 ** 24));',
  'a message that is a number of 100,000 digits': 'throw 10n ** 100_000n;',
  'a program of 4 MB': `${'x;'.repeat(2 << 20)}`,
};
for (const [name, program] of Object.entries(hostile))
  test(`survives ${name}`, async () => {
    const result = await strict.run([program]);
    assert.is(result.passed, false, name);
    assert.ok(result.reason!.length <= 300);
    assert.is((await patient.run(['1 + 1'])).passed, true);
  });

test('a regular expression that backtracks is a failed test', async () => {
  const { reason } = await strict.run(['/^(a+)+$/.test("a".repeat(40) + "b")']);
  assert.match(reason!, /no end within 10000000 operations/);
});

/** Ways to the host. Each ends in an exception, or finds nothing and throws itself. */
const escapes: Readonly<Record<string, string>> = {
  'require of a file system': "require('fs')",
  'require of processes': "require('node:child_process')",
  'a dynamic import': "import('node:fs')",
  'a dynamic import of a file': "import('/etc/passwd')",
  'a static import': "import fs from 'node:fs'; fs.readFileSync('/etc/passwd');",
  'a process': 'process.exit(0)',
  'a process by way of Function': "Function('return process')()",
  'a process by way of a constructor': "globalThis.constructor.constructor('return process')().exit(0)",
  'a process by way of what is offered': "require('assert').ok.constructor('return process')()",
  'a process by way of console': "console.log.constructor('return process')()",
  'the stack of the host': 'const e = new Error(); if (!/node:|worker|sandbox/.test(e.stack)) throw e;',
  'a request': "fetch('http://localhost')",
  'another thread': "new Worker('x.js')",
  'WebAssembly of its own': 'new WebAssembly.Memory({ initial: 1 })',
  'shared memory': 'Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)',
  'a timer': 'setTimeout(() => {}, 0)',
  'the libraries of QuickJS': 'typeof std === "undefined" && typeof os === "undefined" && bjson',
  'reading a file': "std.loadFile('/etc/passwd')",
};
for (const [name, program] of Object.entries(escapes))
  test(`the host is out of reach: ${name}`, async () => {
    const result = await patient.run([program]);
    assert.is(result.passed, false);
    assert.not.match(result.reason!, /\/(node_modules|training)\/|node:internal/);
  });

test('a program finds the language, console and require, and nothing else', async () => {
  const listed = await patient.run([
    'throw Object.getOwnPropertyNames(globalThis).filter((n) => /^[a-z]/.test(n)).sort().join()',
  ]);
  const names =
    'atob,btoa,console,decodeURI,decodeURIComponent,encodeURI,encodeURIComponent,escape,eval,globalThis,isFinite,isNaN,';
  assert.is(listed.reason, `${names}parseFloat,parseInt,performance,queueMicrotask,require,undefined,unescape`);
});

/** What a solution might do to its tests, which then ask for a wrong answer. */
const polluting: Readonly<Record<string, string>> = {
  'Object.prototype': 'Object.prototype.ok = Object.prototype.passed = true; Object.prototype.reason = null;',
  'the built-in functions that comparisons use': `Object.is = Object.hasOwn = Array.isArray = Number.isNaN = () => true;
     Object.keys = () => []; Array.prototype.every = Array.prototype.some = () => true; JSON.stringify = () => '';
     Object.prototype.toString = () => ''; Object.getPrototypeOf = () => null; Array.prototype[Symbol.iterator] = null;`,
  'Error and what it throws': 'Error = globalThis.TypeError = class {}; Reflect.construct = () => {};',
  console: 'console.assert = () => {}; globalThis.console = { assert() {} };',
  'console, by force': 'try { Object.defineProperty(globalThis, "console", { value: { assert() {} } }); } catch {}',
  require: 'globalThis.require = () => new Proxy(() => {}, { get: () => () => {} });',
  'the functions of assert': `const it = require('assert'); try { it.deepEqual = () => {}; } catch {}
     try { Object.defineProperty(it, 'deepEqual', { value() {} }); } catch {} delete it.deepEqual;`,
  'the prototypes behind assert': `const of = Object.getPrototypeOf(require('assert'));
     of.call = of.apply = () => true; Object.getPrototypeOf(of).valueOf = () => true;`,
};
for (const [name, solution] of Object.entries(polluting))
  test(`a solution that changes ${name} does not soften its tests`, async () => {
    const wrongByAssert = ["require('assert').deepEqual([1, { a: 2 }], [1, { a: 3 }])", 'console.assert(1 === 2)'];
    for (const check of wrongByAssert) assert.is((await patient.run([solution, check])).passed, false, check);
    const right = "require('assert').deepEqual([1, { a: 2 }], [1, { a: 2 }]); console.assert(1 === 1)";
    assert.equal(await patient.run([right]), { passed: true, reason: null });
    assert.is(Object.hasOwn(Object.prototype, 'passed') || Object.hasOwn(Object.prototype, 'ok'), false);
  });

/** What a solution that is wrong, `solve(1)` being [1] and not [2], might do so that its tests do not notice. */
const softening: Readonly<Record<string, string>> = {
  'by a built-in object of the judge': `try { const judge = console.log.constructor('return globalThis')();
     judge.Object.is = () => true; judge.Array.prototype.every = () => true; } catch {}`,
  'by JSON.stringify':
    "JSON.stringify = () => 'x'; try { Object.defineProperty(JSON, 'stringify', { value: () => 'x' }); } catch {}",
  'by a JSON of its own': "const JSON = { stringify: () => 'x' };",
  'by toJSON': "Object.prototype.toJSON = Array.prototype.toJSON = Number.prototype.toJSON = () => 'x';",
  'by toJSON while it is tested': `function solve(x) {
     try { Object.prototype.toJSON = Array.prototype.toJSON = () => 'x'; } catch {} return [x]; }`,
  'by another prototype': "Object.setPrototypeOf(Array.prototype, { __proto__: Object.prototype, toJSON: () => 'x' });",
  'by Symbol.toPrimitive': "Array.prototype[Symbol.toPrimitive] = Object.prototype[Symbol.toPrimitive] = () => 'x';",
  'by toString and join': "Array.prototype.toString = Array.prototype.join = Object.prototype.toString = () => 'x';",
  'by global variables': `globalThis.Object = { is: () => true, keys: () => [] }; globalThis.JSON = { stringify: () => 'x' };
     globalThis.require = () => () => {}; globalThis.console = { assert() {} }; globalThis.Math = { abs: () => 0 };
     globalThis.String = () => 'x'; globalThis.eval = () => {};`,
  'by reading its tests off the stack': `let text = '';
     const look = (_, frames) => { for (const frame of frames) text += String(frame.getFunction()); return ''; };
     Error.prepareStackTrace = look; try { Object.defineProperty(Error, 'prepareStackTrace', { value: look }); } catch {}
     function solve(x) { try { null.x; } catch (error) { error.stack; } return text.includes('[2]') ? [2] : [x]; }`,
  'by reading the function that tests it':
    "function solve(x) { try { return String(check).includes('[2]') ? [2] : [x]; } catch { return [x]; } }",
  'by an eval of its own': 'let eval = () => {}; var Function = () => () => {}; function solve(x) { return [x]; }',
  'by a promise that is never kept': 'function solve(x) { return { then() {}, 0: x, length: 1 }; }',
  'by iterators and what the lock itself uses': `Array.prototype[Symbol.iterator] = function* () {};
     Set.prototype.has = Map.prototype.get = () => true; Reflect.ownKeys = () => []; Object.getOwnPropertyDescriptor = () => ({});`,
  'by errors that cannot be made': `Error = class { constructor() { return undefined; } };
     Object.prototype.message = ''; TypeError.prototype.constructor = null;`,
  'by Math.abs and isNaN': 'Math.abs = () => 0; Number.isNaN = isNaN = () => true;',
  'by tags': "try { Array.prototype[Symbol.toStringTag] = 'Date'; } catch {} Date.prototype.getTime = () => 1;",
};
const testsOfTwo = [
  "function check(f) { require('assert').deepStrictEqual(f(1), [2]); } check(solve);",
  'const check = (f) => { console.assert(JSON.stringify(f(1)) === JSON.stringify([2])); }; check(solve);',
  "if (String(solve(1)) !== String([2])) throw new Error('no');",
  "if (!(Math.abs(solve(1)[0] - 2) < 1e-6)) throw new Error('no');",
  'if (![[2]].every((each) => Object.is(solve(1)[0], each[0]))) throw new Error();',
  "async function check(f) { require('assert').deepEqual(await f(1), [2]); } check(solve); console.log('done');",
  "[1].forEach(async () => { await null; if (solve(1)[0] !== 2) throw new Error('late'); }); 5;",
];
for (const [name, code] of Object.entries(softening))
  test(`a wrong solution does not pass ${name}`, async () => {
    const wrongSolution = code.includes('function solve') ? code : `${code}\nfunction solve(x) { return [x]; }`;
    const rightSolution = `${code.replaceAll('solve', 'other')}\nfunction solve(x) { return [x + 1]; }`;
    for (const source of testsOfTwo) {
      const judge = (program: string) => sandboxes.patient.run({ program, tests: [source], own: ['solve'] });
      assert.is((await judge(wrongSolution)).passed, false, source);
      assert.equal(await judge(rightSolution), { passed: true, reason: null }, source);
    }
  });

/** Where a promise that is rejected may stand. */
const rejections: Readonly<Record<string, string>> = {
  'before the last statement': '(async () => { await null; throw new Error("late"); })(); 5;',
  'in a function that nobody waits for': 'const f = async () => { throw new Error("late"); }; [1, 2].forEach(f);',
  'behind another promise': 'Promise.resolve().then(() => { throw new Error("late"); }); 5;',
};
for (const [name, source] of Object.entries(rejections))
  test(`a promise that is rejected fails the tests: ${name}`, async () => {
    assert.equal(await patient.run(['', source]), { passed: false, reason: 'Error: late' });
  });

test('a promise whose rejection somebody listens to fails nothing', async () => {
  const source = '(async () => { try { await Promise.reject(1); } catch {} })(); Promise.reject(2).catch(() => {});';
  assert.is((await patient.run(['', source])).passed, true);
});

test('programs may name their own functions as the language names others, and add methods to arrays', async () => {
  const program =
    'class Set { size = 7; } function escape(x) { return x; } Array.prototype.last = function () { return this.at(-1); };';
  const tests = ["if (new Set([1]).size !== 1 || escape('ü') !== 'ü' || [1, 2].last() !== 2) throw new Error();"];
  assert.equal(await sandboxes.patient.run({ program, tests, own: ['escape'] }), { passed: true, reason: null });
});

test('objects get their own toString where they inherit the locked one', async () => {
  const program = `function Point() {} Point.prototype.toString = () => 'point';
     class Stack extends Array {} Stack.prototype.push = function () { return 7; };
     if (String(new Point()) !== 'point' || new Stack().push(1) !== 7) throw new Error();`;
  assert.equal(await patient.run([program]), { passed: true, reason: null });
});

test('a program that takes a second alone passes beside six busy processes', async () => {
  const busy = Array.from({ length: 6 }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  await using sandbox = new Sandbox();
  try {
    // Two fifths of the operations that a program may have: about a second.
    const program = 'let sum = 0; for (let i = 0; i < 2e7; i++) sum += i;';
    assert.equal(await sandbox.run({ program, tests: [] }), { passed: true, reason: null });
  } finally {
    for (const each of busy) each.kill('SIGKILL');
  }
});

test('what one program leaves is not there for the next', async () => {
  await patient.run(['globalThis.left = 1; Array.prototype.left = 1; var more = 1;']);
  assert.equal(
    await patient.run(['if (typeof left !== "undefined" || [].left || typeof more !== "undefined") throw 1;']),
    {
      passed: true,
      reason: null,
    },
  );
});

/** Pairs as Node's assert sees them: loosely equal, strictly equal. https://nodejs.org/api/assert.html */
const comparisons: readonly (readonly [left: string, right: string, loose: boolean, strict: boolean])[] = [
  ['1', '1', true, true],
  ['1', "'1'", true, false],
  ['[1, 2]', "['1', 2]", true, false],
  ['NaN', 'NaN', true, true],
  ['[0]', '[-0]', true, false],
  ['null', 'undefined', true, false],
  ['{ a: 1, b: 2 }', '{ b: 2, a: 1 }', true, true],
  ['{ a: 1 }', '{ a: 1, b: undefined }', false, false],
  ['[1, , 3]', '[1, undefined, 3]', false, false],
  ['[[1], { a: [2] }]', '[[1], { a: [3] }]', false, false],
  ['[]', '{}', false, false],
  ['new Map([[1, { a: 1 }], [2, 3]])', 'new Map([[2, 3], [1, { a: 1 }]])', true, true],
  ['new Map([[1, 2]])', 'new Map([[1, 3]])', false, false],
  ['new Set([{ a: 1 }, 2])', 'new Set([2, { a: 1 }])', true, true],
  ['new Set([1, 2])', 'new Set([1, 3])', false, false],
  ['new Date(5)', 'new Date(5)', true, true],
  ['new Date(5)', 'new Date(6)', false, false],
  ['/a/g', '/a/g', true, true],
  ['/a/g', '/a/i', false, false],
  ["new Error('a')", "new Error('b')", false, false],
  ['new (class A { x = 1 })()', '{ x: 1 }', true, false],
  ['"a"', '["a"]', false, false],
];
for (const [left, right, loose, strictly] of comparisons)
  test(`assert compares ${left} with ${right} as Node does`, async () => {
    const { default: node } = await import('node:assert');
    const values = [left, right].map((text) => new Function(`return (${text})`)() as unknown);
    for (const [name, equal] of [
      ['deepEqual', loose],
      ['deepStrictEqual', strictly],
    ] as const) {
      const inSandbox = await patient.run([`require('assert').${name}((${left}), (${right}))`]);
      assert.is(inSandbox.passed, equal, name);
      assert.is(
        assertionHolds(() => node[name](values[0], values[1])),
        equal,
        `${name} of Node`,
      );
    }
  });

function assertionHolds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

test('cycles are compared to their end', async () => {
  const cycle = 'const a = { n: 1 }; a.self = a; const b = { n: 1 }; b.self = b;';
  assert.is((await patient.run([cycle, "require('assert').deepEqual(a, b)"])).passed, true);
  assert.is((await patient.run([cycle, "b.n = 2; require('assert').deepEqual(a, b)"])).passed, false);
});

test('programs that are given at once run one after the other, each to its own answer', async () => {
  const answers = await Promise.all(['throw 1', '1', 'for (;;);', '2'].map((program) => strict.run([program])));
  assert.equal(
    answers.map(({ passed }) => passed),
    [false, true, false, true],
  );
});

test('a released sandbox ends its thread, and starts another when it is asked again', async () => {
  const sandbox = new Sandbox();
  await sandbox.release();
  assert.is((await sandbox.run({ program: '1', tests: [] })).passed, true);
  await sandbox.release();
});

for (const limits of [{ operations: 0 }, { megabytes: Number.NaN }])
  test(`limits are above zero: ${JSON.stringify(limits)}`, () => {
    assert.throws(
      () => new Sandbox(limits),
      (error: unknown) => error instanceof LambdamaxError && /above 0/.test(error.message),
    );
  });

test.run();
