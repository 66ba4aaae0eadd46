// Locks the built-in objects of the realm that a program is about to run in. Whatever the program does, they go on working as
// the language has them, so that it cannot soften the tests that come after it. Evaluates to `judge(source, own)`.
(() => {
  // Constants of this scope: the program may put its own in the global variables of these names.
  // biome-ignore lint/suspicious/noShadowRestrictedNames: that is the purpose
  const { Function, Iterator, Map, Object, Promise, Proxy, Reflect, Set, Symbol, TypeError } = globalThis;
  // biome-ignore lint/security/noGlobalEval: it finds the program's own variables by name
  const [global, globalEval] = [globalThis, eval];
  const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Object;
  const { deleteProperty, ownKeys, preventExtensions } = Reflect;
  const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

  /** Every built-in object, with its prototype and its own keys as the language has them. */
  const builtIns = new Map();
  const visit = (value) => {
    if (!isObject(value) || value === global || builtIns.has(value)) return;
    builtIns.set(value, { prototype: getPrototypeOf(value), keys: new Set(ownKeys(value)) });
    visit(getPrototypeOf(value));
    for (const key of ownKeys(value)) {
      const { value: held, get, set } = getOwnPropertyDescriptor(value, key);
      for (const inside of [held, get, set]) visit(inside);
    }
  };

  // A stack trace would hand out the functions on it, and with them the text of the tests.
  defineProperty(globalThis.Error, 'prepareStackTrace', { value: undefined, writable: true, configurable: true });
  const globals = Object.getOwnPropertyNames(global).filter((name) => name !== 'globalThis');
  const taken = new Map(globals.map((name) => [name, global[name]]));
  for (const value of taken.values()) visit(value);
  // Objects that only syntax and methods lead to.
  const hidden = [
    function* () {},
    async () => {},
    async function* () {},
    ...[[], new Map(), new Set(), ''].map((each) => each[Symbol.iterator]()),
    /x/[Symbol.matchAll](''),
    Iterator.from({ next() {} }),
    [].values().filter(() => true),
  ];
  for (const each of hidden) visit(getPrototypeOf(each));

  /** A property that cannot be changed in its holder, while assignment gives objects that inherit it their own. */
  const lock = (holder, key) => {
    const { value, writable, configurable, enumerable } = getOwnPropertyDescriptor(holder, key);
    if (!configurable) return;
    if (!writable) return void defineProperty(holder, key, { configurable: false });
    defineProperty(holder, key, {
      get: () => value,
      set(own) {
        if (this === holder || !isObject(this)) return;
        defineProperty(this, key, { value: own, writable: true, enumerable: true, configurable: true });
      },
      enumerable,
      configurable: false,
    });
  };
  for (const [holder] of builtIns) for (const key of ownKeys(holder)) lock(holder, key);

  // What the language itself looks for in an object: added to a prototype, it would decide comparisons.
  const lookedFor = new Set([
    'toJSON',
    'toString',
    'toLocaleString',
    'valueOf',
    'then',
    'constructor',
    'length',
    'name',
  ]);
  for (const more of ['message', 'cause', 'next', 'return', 'throw', 'done', 'value', 'get', 'set'])
    lookedFor.add(more);
  const isHarmless = (holder, key) =>
    holder !== Object.prototype && typeof key === 'string' && !lookedFor.has(key) && !/^\d+$/.test(key);

  /** Takes back what the program added to built-in objects, but for methods of its own, and lets it add no more. */
  const seal = () => {
    for (const [holder, { prototype, keys }] of builtIns) {
      for (const key of ownKeys(holder))
        if (!keys.has(key) && !isHarmless(holder, key) && !deleteProperty(holder, key))
          throw new TypeError('the program changed a built-in object for good');
      if (getPrototypeOf(holder) !== prototype) setPrototypeOf(holder, prototype);
      preventExtensions(holder);
    }
  };

  const constants = new Set(['undefined', 'NaN', 'Infinity']);
  /** The program's own of this name, or undefined. */
  const ownOf = (name) => {
    try {
      return globalEval(name);
    } catch {}
  };
  /** A function whose promises are watched, so that tests which wait for one in vain do not count as passed. */
  const watched = (run, promises) =>
    new Proxy(run, {
      apply(_, self, values) {
        const result = Reflect.apply(run, self, values);
        if (isObject(result) && typeof result.then === 'function') promises.push(promiseOf(result));
        return result;
      },
    });
  const promiseOf = (thenable) => {
    if (thenable instanceof Promise && thenable.constructor === Promise) return thenable;
    const promise = Promise.resolve(thenable);
    promise.catch(() => {});
    return promise;
  };

  /**
   * Runs tests among the program's variables. Names of the language mean the language's own there, whatever the program
   * declared, but for those that it was asked to define. Returns what the tests end in, and the promises that the program's
   * own functions gave them.
   */
  return (source, own) => {
    seal();
    const promises = [];
    const bound = new Map([...taken].filter(([name]) => !constants.has(name)));
    for (const name of own) {
      const value = ownOf(name);
      bound.delete(name);
      if (typeof value === 'function') bound.set(name, watched(value, promises));
    }
    const run = new Function(...bound.keys(), 'return eval(arguments[arguments.length - 1])');
    return [run(...bound.values(), source), ...promises];
  };
})();
