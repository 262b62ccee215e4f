// Small pieces of the debug view's panel.

import { callTree } from './debugtree.js';
import { clock, libraryWords, stateWords } from './debugwords.js';
import { el } from './el.js';
import { visible } from './shown.js';

const SIGNS = { run: '✓', limited: '½', held: '…', blocked: '✕', error: '!', warning: '!', note: 'i' };
const LEVEL_WORDS = { error: 'Error', warning: 'Warning', note: 'Note' };

/** A word in a colour; the sign before it says the same to who sees no colours. */
export function chip(kind, text) {
  const sign = el('span', { 'aria-hidden': 'true', class: 'sign' }, SIGNS[kind]);
  return el('span', { class: `chip ${kind}` }, sign, text);
}

/** @param {import('./checks.js').Flag} flag */
export function flagItem({ level, where, text }) {
  const place = where ? [el('code', {}, visible(where)), ': '] : [];
  return el('li', {}, chip(level, LEVEL_WORDS[level]), ...place, visible(text));
}

export function time({ at }) {
  return el('time', {}, clock(at));
}

/** A pixel: its state and why, its library, and the calls that started or stopped it. */
export function pixelItem(page, one) {
  const { word, kind, text } = stateWords(page, one);
  const requests = one.requests && `${one.requests} request${one.requests > 1 ? 's' : ''} to its hosts.`;
  const told = [text, libraryWords(one.library_state), requests].filter(Boolean);
  const calls = one.calls.flatMap((done) => done.calls);
  const summary = el('summary', {}, `Calls to start and stop it (${calls.length})`);
  return el(
    'li',
    { 'data-pixel': one.platform, 'data-state': kind },
    el('div', { class: 'row' }, el('b', {}, one.name), el('code', {}, one.id), chip(kind, word)),
    el('p', {}, told.join(' ')),
    calls.length && el('details', {}, summary, ...calls.map(callTree)),
  );
}

/** A heading that opens on rows of [term, text or texts, address of the source]. */
export function section(title) {
  const line = el('span', { class: 'line' });
  const rows = el('dl', {});
  const summary = el('summary', {}, el('h3', {}, title), line);
  return {
    details: el('details', { class: 'facts' }, summary, rows),
    fill({ summary: text, facts }) {
      line.textContent = text;
      refill(rows, facts.flatMap(factRow));
    },
  };
}

function factRow([term, text, url]) {
  const texts = [].concat(text).map((one) => el('span', {}, visible(String(one))));
  const source = url && el('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, 'source');
  return [el('dt', {}, term), el('dd', {}, ...texts, source)];
}

/** Puts new children in only where something has changed, and keeps what is open and focused. */
export function refill(parent, children) {
  const next = el('div', {}, ...children);
  const opened = [...parent.querySelectorAll('details')].map((one) => one.open);
  next.querySelectorAll('details').forEach((one, at) => (one.open = !!opened[at]));
  const before = [...parent.childNodes];
  const after = [...next.childNodes];
  if (before.length == after.length && after.every((one, at) => one.isEqualNode(before[at]))) return;
  const focused = [...parent.querySelectorAll('summary')].indexOf(parent.getRootNode().activeElement);
  parent.replaceChildren(...after);
  if (focused >= 0) parent.querySelectorAll('summary')[focused]?.focus();
}
