// Parameters as a tree. Names and values may be hostile: they are text here, and nothing else.

import { el } from './el.js';
import { Odd, quoted, visible } from './shown.js';

/**
 * @param {object|Array} value as shown.js copies it
 * @param {(key: string) => string} [remark] what to add to a key of the first level
 */
export function tree(value, remark = () => '') {
  const entries = Object.entries(value);
  if (!entries.length) return el('p', { class: 'none' }, Array.isArray(value) ? 'an empty list' : 'nothing');
  return el('ul', { class: 'tree' }, ...entries.map(([key, one]) => branch(key, one, remark(key))));
}

function branch(key, value, remark) {
  const name = [el('span', { class: 'key' }, visible(key)), ': '];
  const added = remark && el('small', {}, ` ${remark}`);
  if (isInner(value) && Object.keys(value).length) return el('li', {}, ...name, added, tree(value));
  return el('li', {}, ...name, atom(value), added);
}

function atom(value) {
  if (isInner(value)) return el('span', { class: 'odd' }, Array.isArray(value) ? '[]' : '{}');
  const kind = value instanceof Odd || value == null ? 'odd' : typeof value;
  return el('span', { class: kind }, kind == 'string' ? `'${visible(value)}'` : quoted(value));
}

function isInner(value) {
  return value && typeof value == 'object' && !(value instanceof Odd);
}

/** A call as the platform gets it: `fbq('trackSingle', '123', 'Purchase', {…})`, and the objects below. */
export function callTree({ path, given }) {
  const inner = given.filter(isInner).map((one) => tree(one));
  return el('div', { class: 'call' }, el('code', {}, ...callLine({ path, given })), ...inner);
}

function callLine({ path, given }) {
  const short = (one) => {
    if (isInner(one)) return Array.isArray(one) ? '[…]' : '{…}';
    return typeof one == 'string' ? `'${visible(one)}'` : quoted(one);
  };
  // Each by itself: text that reads leftward must not carry its neighbours to the other side.
  const each = given.flatMap((one) => [', ', el('bdi', {}, short(one))]).slice(1);
  return [`${path}(`, ...each, ')'];
}
