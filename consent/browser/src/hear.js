// Hears the calls that a pixel makes to its vendor's queue, without the vendor noticing. A function is
// replaced only while the pixel's own code runs: the moment it calls the vendor's, the real one is back.

import { attempt } from './attempt.js';
import { copied, isArguments } from './shown.js';

let heard = null; // where calls go at this moment
let paths = [];
let undo = [];
const behind = new WeakMap(); // what stands in for a function or an object -> the real one

const real = (value) => behind.get(value) || value;
const isObject = (value) => value && /^(object|function)$/.test(typeof value);

/**
 * Runs `work` and tells every call that it makes to a function at one of `names`, and to what such a
 * call returns: `{path, given}`, with copies of the arguments, in order. An Arguments object, as some
 * queues take it, is told as the arguments that it holds.
 *
 * @param {string[]} names dotted paths from window: `fbq`, `dataLayer.push`
 * @param {() => any} work runs once, whatever goes wrong here; so does its result or its error
 * @param {(call: {path: string, given: any[]}) => void} tell
 */
export function hearCalls(names, work, tell) {
  const before = { heard, paths };
  takeOut();
  heard = tell;
  paths = names;
  putIn();
  try {
    return work();
  } finally {
    takeOut();
    attempt(mend);
    ({ heard, paths } = before);
    putIn();
  }
}

function putIn() {
  for (const path of heard ? paths : []) attempt(() => tap(window, path.split('.'), path));
}

function takeOut() {
  for (const step of undo.splice(0).reverse()) attempt(step);
}

function tap(holder, [name, ...rest], path) {
  if (!isObject(holder)) return;
  const had = Object.getOwnPropertyDescriptor(holder, name);
  if (had && !had.writable) return; // someone else's getter, or not to be touched
  let value = had ? had.value : holder[name];
  if (rest.length && value) return tap(value, rest, path);
  let shownFor;
  let shown;
  const show = () => {
    if (rest.length || typeof value != 'function') return value;
    if (shownFor !== value) shown = standIn((shownFor = value), path);
    return shown;
  };
  if (had && !had.configurable) {
    // `var fbq` at the top of a script: it can be assigned to, and nothing else.
    const put = show();
    if (put === value) return;
    holder[name] = put;
    undo.push(() => {
      if (holder[name] === put) holder[name] = value;
    });
    return;
  }
  let assigned = !!had;
  const isTapped = Reflect.defineProperty(holder, name, {
    configurable: true,
    enumerable: !!had && had.enumerable,
    get: show,
    set(next) {
      value = real(next);
      assigned = true;
      if (rest.length) attempt(() => tap(value, rest, path));
    },
  });
  if (!isTapped) return;
  const plain = { writable: true, enumerable: true, configurable: true };
  undo.push(() => {
    if (assigned) Object.defineProperty(holder, name, { ...(had || plain), value });
    else delete holder[name];
  });
}

function standIn(own, path) {
  const shown = new Proxy(own, {
    apply(target, self, given) {
      attempt(() => {
        if (!heard) return;
        const only = given.length == 1 && isArguments(given[0]) ? given[0] : given;
        heard({ path, given: copied([...only]) });
      });
      const result = asThemselves(() => Reflect.apply(target, real(self), given));
      return heard && isObject(result) && result !== real(self) ? chained(result, `${path}()`) : result;
    },
    set: (target, key, value) => Reflect.set(target, key, real(value)),
  });
  behind.set(shown, own);
  return shown;
}

// What a call returns may be the one that the pixel goes on with: `ttq.instance(id).track(...)`.
function chained(own, path) {
  if (typeof own == 'function' || own instanceof Node || own instanceof Promise) return own;
  const shown = new Proxy(own, {
    get(target, key) {
      const value = Reflect.get(target, key);
      const { configurable = true } = Object.getOwnPropertyDescriptor(target, key) || {};
      const isCall = configurable && typeof value == 'function' && typeof key == 'string';
      return isCall ? standIn(value, `${path}.${key}`) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, real(value)),
  });
  behind.set(shown, own);
  return shown;
}

// The vendor's code sees the page as it is.
function asThemselves(work) {
  const before = { heard, paths };
  takeOut();
  heard = null;
  try {
    return work();
  } finally {
    takeOut();
    ({ heard, paths } = before);
    putIn();
  }
}

// A pixel may have kept a stand-in under a second name: `window._fbq = window.fbq`.
function mend() {
  for (const [name, one] of Object.entries(Object.getOwnPropertyDescriptors(window))) {
    if (one.writable && behind.has(one.value)) window[name] = real(one.value);
  }
}
