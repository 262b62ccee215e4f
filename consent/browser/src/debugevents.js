// The timeline of the debug view: newest first, each event with its flags and its way to each platform.

import { SENT } from './checks.js';
import { chip, flagItem, time } from './debugparts.js';
import { callTree, tree } from './debugtree.js';
import { clock, eventWords, momentWords, pixelWords } from './debugwords.js';
import { el } from './el.js';
import { visible } from './shown.js';

/**
 * @param {object} page see loader.js
 * @param {object} report see debug.js
 * @returns {{element: Element, draw: (shown: object[], only: boolean) => void}} `shown`: the pixels that
 *  are asked for; `only`: events without a problem are left out
 */
export function eventList(page, report) {
  const list = el('ol', { class: 'events' });
  const none = el('p', { class: 'none' });
  const heading = el('h3', { id: 'events' }, 'Events');
  const drawn = new Map(); // entry -> {item, redraw, signature}

  function draw(shown, only) {
    const kept = new Set(report.entries);
    for (const [entry, line] of drawn) {
      if (kept.has(entry)) continue;
      line.item.remove();
      drawn.delete(entry);
    }
    let count = 0;
    for (const entry of report.entries) {
      const flags = report.flagsOf(entry, shown);
      const line = drawn.get(entry) || begin(entry);
      const failed = shown.some((one) => entry.sent?.get(one)?.fault);
      line.item.hidden = only && !failed && flags.every(({ level }) => level == 'note');
      if (!line.item.hidden) count++;
      redraw(line, entry, flags, shown);
    }
    none.hidden = !!count;
    const empty = "Nothing yet. Events come from pixelgate('track', ...).";
    none.textContent = only ? 'No event has a problem.' : empty;
  }

  // Only what has changed, so that what is open or selected stays.
  function redraw(line, entry, flags, shown) {
    const each = () => shown.map((one) => [one.label, pixelWords(entry, one)]);
    const way = entry.sent ? [eventWords(page, entry, shown), each()] : entry.detail?.length;
    const signature = JSON.stringify([way, flags]);
    if (line.signature == signature) return;
    line.signature = signature;
    line.redraw(flags, shown);
  }

  function begin(entry) {
    const line = entry.kind == 'event' ? eventLine(page, entry) : momentLine(entry, report.names);
    drawn.set(entry, line);
    list.prepend(line.item);
    return line;
  }

  return { element: el('section', { 'aria-labelledby': 'events' }, heading, none, list), draw };
}

function momentLine(entry, names) {
  const text = el('span', {});
  const item = el('li', { class: 'moment' }, time(entry), text);
  return { item, redraw: () => (text.textContent = momentWords(entry, names)) };
}

function eventLine(page, entry) {
  const head = el('summary', {});
  const inner = el('div', { class: 'inner' });
  const details = el('details', { toggle: fill }, head, inner);
  const name = typeof entry.name == 'string' ? entry.name : '(no name)';
  let body; // what nobody opens need not be drawn

  function fill() {
    if (!details.open || !body) return;
    inner.replaceChildren(...body());
    body = null;
  }

  function redraw(flags, shown) {
    const way = eventWords(page, entry, shown);
    const counted = ['error', 'warning'].flatMap((level) => {
      const count = flags.filter((one) => one.level == level).length;
      return count ? [chip(level, `${count} ${level}${count > 1 ? 's' : ''}`)] : [];
    });
    head.replaceChildren(time(entry), el('b', {}, visible(name)), chip(way.kind, way.word), ...counted);
    body = () => eventBody(entry, flags, shown, way.text);
    fill();
  }

  return { item: el('li', { 'data-event': name }, details), redraw };
}

function eventBody(entry, flags, shown, text) {
  const { given, id, gone } = entry;
  const hasParameters = given && typeof given == 'object' && Object.keys(given).length;
  const remark = (key) => (SENT.includes(key) ? '' : 'not sent');
  const handed = gone && `, handed on at ${clock(gone)}`;
  return [
    text && el('p', {}, text),
    flags.length && el('ul', { class: 'flags' }, ...flags.map(flagItem)),
    el('h4', {}, 'As the page gave it'),
    hasParameters ? tree(given, remark) : el('p', { class: 'none' }, 'no parameters'),
    id != null && el('p', { class: 'id' }, 'Event id: ', el('code', {}, visible(String(id))), handed),
    ...(entry.state == 'gone' ? shown.flatMap((one) => forPixel(entry, one)) : []),
  ].filter(Boolean);
}

function forPixel(entry, one) {
  const text = pixelWords(entry, one);
  const calls = (entry.sent.get(one)?.calls || []).map(callTree);
  return [el('h4', {}, `As ${one.label} gets it`), text && el('p', {}, text), ...calls];
}
