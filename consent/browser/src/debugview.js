// The panel of the debug view: what debug.js found out, drawn as text alone.

import css from './debug.css';
import { SENT } from './checks.js';
import { callTree, tree } from './debugtree.js';
import { clock, eventWords, libraryWords, momentWords, stateWords } from './debugwords.js';
import { el } from './el.js';
import { visible } from './shown.js';

const SIGNS = { run: '✓', limited: '½', held: '…', blocked: '✕', error: '!', warning: '!', note: 'i' };
const NARROW = 640;

/**
 * @param {object} page see loader.js
 * @param {object} report see debug.js
 * @param {() => string} asText
 * @returns {{draw: () => void, attach: () => void}}
 */
export function debugView(page, report, asText) {
  const host = el('div', { id: 'pixelgate-debug', lang: 'en', dir: 'ltr' });
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  const drawn = new Map(); // entry -> {item, details, head, body, signature}
  const isNarrow = () => innerWidth < NARROW;

  const counts = el('p', { class: 'counts' });
  const filter = el('select', { 'aria-label': 'Pixel', change: draw }, el('option', { value: '' }, 'All pixels'));
  report.slots.forEach((one, at) => filter.append(el('option', { value: String(at) }, one.label)));
  const flawed = el('input', { type: 'checkbox', change: draw });
  const stay = el('input', { type: 'checkbox', change: () => report.stay(stay.checked) });
  stay.checked = report.stays;
  const problems = el('ul', { class: 'flags' });
  const visitor = section('Visitor');
  const decision = section('Decision');
  const pixels = el('ul', { class: 'pixels' });
  const events = el('ol', { class: 'events' });
  const none = el('p', { class: 'none' });
  const said = el('p', { role: 'status', class: 'said' });
  const alarm = el('section', { 'aria-labelledby': 'alarm' }, el('h3', { id: 'alarm' }, 'On this page'), problems);
  const body = el(
    'div',
    { class: 'body', id: 'body' },
    el(
      'div',
      { class: 'tools' },
      filter,
      el('label', {}, flawed, 'Problems only'),
      el('label', {}, stay, 'Stay open on links'),
    ),
    said,
    alarm,
    visitor.details,
    decision.details,
    el('section', { 'aria-labelledby': 'pixels' }, el('h3', { id: 'pixels' }, 'Pixels'), pixels),
    el('section', { 'aria-labelledby': 'events' }, el('h3', { id: 'events' }, 'Events'), none, events),
  );
  const fold = el('button', { type: 'button', 'aria-controls': 'body', click: () => setFolded(!body.hidden) });
  const move = el('button', { type: 'button', click: () => setSide(isNarrow() ? { below: !side.below } : { right: !side.right }) });
  const copy = el('button', { type: 'button', click: copyText }, 'Copy');
  const panel = el(
    'aside',
    { 'aria-labelledby': 'title', keydown: (event) => event.key == 'Escape' && setFolded(true) },
    el(
      'header',
      {},
      el('h2', { id: 'title' }, 'Pixelgate debug'),
      el('div', { class: 'buttons' }, copy, move, fold),
      counts,
    ),
    body,
  );
  let side = { right: true, below: true };
  setFolded(false);
  root.append(panel);

  function section(title) {
    const line = el('span', { class: 'line' });
    const rows = el('dl', {});
    const details = el('details', { class: 'facts' }, el('summary', {}, el('h3', {}, title), line), rows);
    return { details, line, rows };
  }

  function setFolded(folded) {
    body.hidden = folded;
    fold.textContent = folded ? 'Expand' : 'Collapse';
    fold.setAttribute('aria-expanded', !folded);
    if (folded && root.activeElement && body.contains(root.activeElement)) fold.focus();
    place();
  }

  function setSide(change) {
    side = { ...side, ...change };
    place();
  }

  // The panel lies beside the banner and the way back in, never over them.
  function place() {
    const narrow = isNarrow();
    move.textContent = narrow ? (side.below ? 'To top' : 'To bottom') : side.right ? 'To left' : 'To right';
    panel.className = [narrow ? 'sheet' : 'dock', side.right ? 'right' : 'left', side.below ? 'below' : 'above'].join(' ');
    const own = panel.getBoundingClientRect();
    let top = 0;
    let bottom = 0;
    for (const one of page.view ? page.view.root.children : []) {
      const { left, right, top: from, bottom: to, width, height } = one.getBoundingClientRect();
      if (height < 4 || left >= own.right || right <= own.left || one.matches(':modal')) continue;
      const gap = width < innerWidth ? 8 : 0;
      if (to > innerHeight - 24) bottom = Math.max(bottom, innerHeight - from + gap);
      else if (from < 24) top = Math.max(top, to);
    }
    const most = innerHeight - 120;
    panel.style.setProperty('--top', `${Math.min(top, most)}px`);
    panel.style.setProperty('--bottom', `${Math.min(bottom, most)}px`);
  }

  async function copyText() {
    const text = asText();
    try {
      await navigator.clipboard.writeText(text);
      say('Copied.');
    } catch {
      // Not on https, or not allowed: then by hand.
      const field = el('textarea', { 'aria-label': 'The report as text', readonly: '', rows: '6' });
      field.value = text;
      setFolded(false);
      say('Press Ctrl+C to copy.', field);
      field.select();
    }
  }

  function say(text, field) {
    said.replaceChildren(text);
    said.parentNode.querySelector('textarea')?.remove();
    if (field) said.after(field);
  }

  function draw() {
    const shown = filter.value ? [report.slots[filter.value]] : report.slots;
    const only = flawed.checked;
    counts.replaceChildren(...report.counts().map(([kind, text]) => chip(kind, text)));
    const alarms = report.problems(shown);
    alarm.hidden = !alarms.length;
    refill(problems, alarms.map(flagItem));
    fill(visitor, report.visitor());
    fill(decision, report.decision());
    refill(pixels, shown.map((one) => pixelItem(one)));
    drawEvents(shown, only);
    place();
  }

  function fill({ line, rows }, { summary, facts }) {
    line.textContent = summary;
    refill(rows, facts.flatMap(([term, text, url]) => {
      const says = [].concat(text).map((one) => el('span', {}, visible(String(one))));
      const link = url && el('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, 'source');
      return [el('dt', {}, term), el('dd', {}, ...says, link)];
    }));
  }

  function pixelItem(one) {
    const { word, kind, text } = stateWords(page, one);
    const library = libraryWords(one.library_state);
    const requests = one.requests ? `${one.requests} request${one.requests > 1 ? 's' : ''} to its hosts.` : '';
    const calls = one.calls.flatMap(({ calls: heard }) => heard);
    const list = calls.length && el('details', {}, el('summary', {}, `Calls to start and stop it (${calls.length})`), ...calls.map(callTree));
    return el(
      'li',
      { 'data-pixel': one.platform, 'data-state': kind },
      el('div', { class: 'row' }, el('b', {}, one.name), el('code', {}, one.id), chip(kind, word)),
      el('p', {}, [text, library, requests].filter(Boolean).join(' ')),
      list,
    );
  }

  function drawEvents(shown, only) {
    let count = 0;
    const kept = new Set(report.entries);
    for (const entry of drawn.keys()) if (!kept.has(entry)) forget(entry);
    for (const entry of report.entries) {
      const line = drawn.get(entry) || begin(entry);
      const flags = report.flagsOf(entry, shown);
      const faults = shown.filter((one) => entry.sent?.get(one)?.fault);
      const isFlawed = flags.some(({ level }) => level != 'note') || faults.length;
      line.item.hidden = only && !isFlawed;
      if (!line.item.hidden) count++;
      const ways = [entry.state, entry.sent?.size, entry.kept?.size, entry.detail?.length];
      const signature = JSON.stringify([ways, flags, filter.value, page.waits]);
      if (line.signature == signature) continue;
      line.signature = signature;
      line.redraw(flags, shown);
    }
    none.hidden = !!count;
    none.textContent = only ? 'No event has a problem.' : "Nothing yet. Events come from pixelgate('track', ...).";
  }

  function forget(entry) {
    drawn.get(entry).item.remove();
    drawn.delete(entry);
  }

  function begin(entry) {
    const line = entry.kind == 'event' ? eventLine(entry) : momentLine(entry);
    drawn.set(entry, line);
    events.prepend(line.item);
    return line;
  }

  function momentLine(entry) {
    const said = el('span', {});
    return { item: el('li', { class: 'moment' }, time(entry), said), redraw: () => (said.textContent = momentWords(entry, report.names)) };
  }

  function eventLine(entry) {
    const head = el('summary', {});
    const inner = el('div', { class: 'inner' });
    const details = el('details', {}, head, inner);
    const name = typeof entry.name == 'string' ? entry.name : '(no name)';
    let late;
    // What nobody opens need not be drawn.
    const open = () => details.open && late && (late(), (late = null));
    details.addEventListener('toggle', open);
    return {
      item: el('li', { 'data-event': name }, details),
      redraw(flags, shown) {
        const way = eventWords(page, entry, shown);
        const levels = ['error', 'warning'].map((level) => [level, flags.filter((one) => one.level == level).length]);
        const told = levels.filter(([, count]) => count);
        head.replaceChildren(
          time(entry),
          el('b', {}, visible(name)),
          chip(way.kind, way.word),
          ...told.map(([level, count]) => chip(level, `${count} ${level}${count > 1 ? 's' : ''}`)),
        );
        late = () => inner.replaceChildren(...eventBody(entry, flags, shown, way.text));
        open();
      },
    };
  }

  function eventBody(entry, flags, shown, text) {
    const given = entry.given && typeof entry.given == 'object' && Object.keys(entry.given).length;
    const remark = (key) => (SENT.includes(key) ? '' : 'not sent');
    return [
      text && el('p', {}, text),
      flags.length && el('ul', { class: 'flags' }, ...flags.map(flagItem)),
      el('h4', {}, 'As the page gave it'),
      given ? tree(entry.given, remark) : el('p', { class: 'none' }, 'no parameters'),
      entry.id != null && eventId(entry),
      ...(entry.state == 'gone' ? shown.flatMap((one) => forPixel(entry, one)) : []),
    ].filter(Boolean);
  }

  function eventId({ id, gone }) {
    const handed = gone && `, handed on at ${clock(gone)}`;
    return el('p', { class: 'id' }, 'Event id: ', el('code', {}, visible(String(id))), handed);
  }

  function forPixel(entry, one) {
    const sent = entry.sent.get(one);
    const title = el('h4', {}, `As ${one.label} gets it`);
    if (!sent) return [title, el('p', {}, `Not sent: ${entry.kept.get(one) || 'its code failed'}.`)];
    const { calls, fault } = sent;
    if (fault) return [title, el('p', {}, `Its code failed: ${visible(fault)}`)];
    if (calls.length) return [title, ...calls.map(callTree)];
    const why = one.queues.length ? 'It sends nothing for this event.' : 'Sent; its calls are not shown, since its platform.toml names no queues.';
    return [title, el('p', {}, why)];
  }

  function attach() {
    if (!host.isConnected) document.documentElement.append(host);
  }

  addEventListener('resize', place);
  return { draw, attach, place };
}

function chip(kind, text) {
  return el('span', { class: `chip ${kind}` }, el('span', { 'aria-hidden': 'true', class: 'sign' }, SIGNS[kind]), text);
}

function flagItem({ level, where, text }) {
  const word = { error: 'Error', warning: 'Warning', note: 'Note' }[level];
  return el('li', {}, chip(level, word), where && el('code', {}, visible(where)), where && ': ', visible(text));
}

function time({ at }) {
  return el('time', {}, clock(at));
}

// Puts new children in only where something has changed, and keeps what is open and focused.
function refill(parent, children) {
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
