// What a program finds in the sandbox besides the language: `console`, and `require` for Node's `assert` alone, as the tests
// of HumanEval-X and MultiPL-E use them. `locked.js` then keeps the built-in objects that these functions use as they are.
(() => {
  // Constants of this scope: the program may put its own in the global variables of these names.
  // biome-ignore lint/suspicious/noShadowRestrictedNames: that is the purpose
  const { Array, Boolean, Date, Error, JSON, Map, Number, Object, RegExp, Set, String } = globalThis;

  class AssertionError extends Error {
    name = 'AssertionError';
  }

  // Values may have methods of their own: kinds are told by tags, methods are borrowed.
  const kindOf = (value) => Object.prototype.toString.call(value);
  const isObject = (value) => typeof value === 'object' && value !== null;
  const entriesOf = {
    '[object Map]': (value) => [...Map.prototype.entries.call(value)],
    '[object Set]': (value) => [...Set.prototype.values.call(value)],
  };
  const textOf = {
    '[object Date]': (value) => Date.prototype.getTime.call(value),
    '[object RegExp]': (value) => RegExp.prototype.toString.call(value),
    '[object Number]': (value) => Number.prototype.valueOf.call(value),
    '[object String]': (value) => String.prototype.valueOf.call(value),
    '[object Boolean]': (value) => Boolean.prototype.valueOf.call(value),
    '[object Error]': (value) => `${value.name}: ${value.message}`,
  };

  /** Whether Node's deepEqual, or with `strict` deepStrictEqual, takes two values for equal. `seen` holds the pairs above, for cycles. */
  const deepEqual = (a, b, strict, seen = []) => {
    if (Object.is(a, b)) return true;
    if (!isObject(a) || !isObject(b)) {
      if (strict || isObject(a) || isObject(b)) return false;
      // biome-ignore lint/suspicious/noDoubleEquals: that is what loose means
      return a == b || (Number.isNaN(a) && Number.isNaN(b));
    }
    const kind = kindOf(a);
    if (kind !== kindOf(b)) return false;
    if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (seen.some(([left, right]) => left === a && right === b)) return true;
    const inside = [...seen, [a, b]];
    const same = (left, right) => deepEqual(left, right, strict, inside);
    if (textOf[kind] && !Object.is(textOf[kind](a), textOf[kind](b))) return false;
    if (entriesOf[kind] && !sameMembers(entriesOf[kind](a), entriesOf[kind](b), same)) return false;
    if (Array.isArray(a) && a.length !== b.length) return false;
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
  };

  /** Whether each member of one list has its like in the other; order does not matter. */
  const sameMembers = (left, right, same) => {
    const rest = [...right];
    return (
      left.length === right.length &&
      left.every((member) => {
        const at = rest.findIndex((candidate) => same(member, candidate));
        if (at >= 0) rest.splice(at, 1);
        return at >= 0;
      })
    );
  };

  const show = (value) => {
    try {
      return (isObject(value) ? JSON.stringify(value) : String(value)).slice(0, 100);
    } catch {
      return 'a value that cannot be shown';
    }
  };
  const demand = (holds, message, words) => {
    if (!holds) throw isObject(message) ? message : new AssertionError(message ?? words());
  };
  /** `assert.NAME(actual, expected, message)` of a comparison. */
  const comparison = (holds, words) => (actual, expected, message) =>
    demand(holds(actual, expected), message, () => `expected ${words} ${show(expected)}, got ${show(actual)}`);

  const assert = (value, message) => demand(value, message, () => 'expected a true value');
  const thrown = (run) => {
    try {
      run();
    } catch (error) {
      return { error };
    }
  };
  Object.assign(assert, {
    AssertionError,
    ok: (value, message) => assert(value, message),
    fail: (message) => demand(false, message, () => 'failed'),
    // biome-ignore lint/suspicious/noDoubleEquals: that is what loose means
    equal: comparison((a, b) => a == b || (Number.isNaN(a) && Number.isNaN(b)), ''),
    // biome-ignore lint/suspicious/noDoubleEquals: that is what loose means
    notEqual: comparison((a, b) => !(a == b || (Number.isNaN(a) && Number.isNaN(b))), 'anything but'),
    strictEqual: comparison(Object.is, ''),
    notStrictEqual: comparison((a, b) => !Object.is(a, b), 'anything but'),
    deepEqual: comparison((a, b) => deepEqual(a, b, false), ''),
    notDeepEqual: comparison((a, b) => !deepEqual(a, b, false), 'anything but'),
    deepStrictEqual: comparison((a, b) => deepEqual(a, b, true), ''),
    notDeepStrictEqual: comparison((a, b) => !deepEqual(a, b, true), 'anything but'),
    throws(run, expected) {
      const caught = thrown(run);
      demand(caught, undefined, () => 'expected an exception');
      const matches = typeof expected !== 'function' || caught.error instanceof expected;
      demand(matches, undefined, () => `expected another exception than ${show(caught.error)}`);
    },
    doesNotThrow(run) {
      const caught = thrown(run);
      demand(!caught, undefined, () => `expected no exception, got ${show(caught.error)}`);
    },
  });
  assert.strict = Object.assign((value, message) => assert(value, message), assert, {
    equal: assert.strictEqual,
    notEqual: assert.notStrictEqual,
    deepEqual: assert.deepStrictEqual,
    notDeepEqual: assert.notDeepStrictEqual,
  });

  const modules = new Map([
    ['assert', assert],
    ['assert/strict', assert.strict],
  ]);
  const require = (name) => {
    const found = modules.get(String(name).replace(/^node:/, ''));
    if (found) return found;
    throw new Error(`there is no module ${show(name)} in the sandbox`);
  };
  const silent = () => {};
  // Node's console.assert only prints; the tests of HumanEval-X are judged by whether anything was printed.
  const console = { log: silent, info: silent, warn: silent, error: silent, debug: silent, assert };
  Object.assign(globalThis, { require, console });
})();
