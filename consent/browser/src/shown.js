// Whatever a page or a vendor hands around, copied for people to read: never changed, never run.

const DEEPEST = 6;
const WIDEST = 60;
const LONGEST = 300;

/** A value that JSON has no word for: a function, an element, a getter, what is too deep. */
export function Odd(says) {
  this.says = says;
}

/**
 * A copy of `value` as it is now: plain lists and objects, texts cut at 300 characters, 1000 values at
 * most. Getters are not called, and nothing that the page defined is run.
 */
export function copied(value, above = [], room = { left: 1000 }) {
  if (typeof value == 'string') {
    return value.length > LONGEST ? `${value.slice(0, LONGEST)}… (${value.length} characters)` : value;
  }
  if (typeof value == 'function') return new Odd('a function');
  if (typeof value == 'bigint' || typeof value == 'symbol') return new Odd(String(value));
  if (!value || typeof value != 'object') return value;
  try {
    if (value instanceof Node || value === window) return new Odd('a part of the page');
    if (value instanceof Date) return new Odd(`the moment ${Date.prototype.toISOString.call(value)}`);
    if (above.includes(value)) return new Odd('itself');
    if (above.length == DEEPEST) return new Odd('more, too deep to show');
    return within(value, [...above, value], room);
  } catch {
    return new Odd('something that cannot be read');
  }
}

function within(value, above, room) {
  const isList = Array.isArray(value) || isArguments(value);
  const copy = isList ? [] : {};
  const all = Object.entries(Object.getOwnPropertyDescriptors(value)).filter(([, one]) => one.enumerable);
  const entries = all.slice(0, Math.min(WIDEST, room.left));
  room.left -= entries.length;
  // A page may hand over a key called __proto__.
  const put = (key, value) => Object.defineProperty(copy, key, { value, enumerable: true, writable: true });
  for (const [key, { get, value: part }] of entries) {
    put(key, get ? new Odd('a getter') : copied(part, above, room));
  }
  const left = all.length - entries.length;
  if (left) put(isList ? entries.length : '…', new Odd(`${left} more`));
  return copy;
}

export function isArguments(value) {
  return Object.prototype.toString.call(value) == '[object Arguments]';
}

/** A copied value on one line, quoted, with everything that cannot be seen written as an escape. */
export function quoted(value) {
  if (value instanceof Odd) return value.says;
  if (typeof value == 'string') return `'${visible(value.length > 60 ? `${value.slice(0, 57)}...` : value)}'`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value && typeof value == 'object' ? 'an object' : String(value);
}

/** `text` with controls, marks of direction and the like as escapes, so that it cannot deceive. */
export function visible(text) {
  const escape = (char) => `\\u{${char.codePointAt(0).toString(16)}}`;
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escape);
}
