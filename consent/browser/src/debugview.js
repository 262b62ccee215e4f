// The panel of the debug view: what debug.js found out, drawn as text alone.

import css from './debug.css';
import { eventList } from './debugevents.js';
import { chip, flagItem, pixelItem, refill, section } from './debugparts.js';
import { testEvent } from './debugtest.js';
import { el } from './el.js';

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
  const isNarrow = () => innerWidth < NARROW;
  let side = { right: true, below: true };

  const all = el('option', { value: '' }, 'All pixels');
  const filter = el('select', { 'aria-label': 'Pixel', change: draw }, all);
  report.slots.forEach((one, at) => filter.append(el('option', { value: `${at}` }, one.label)));
  const flawed = el('input', { type: 'checkbox', change: draw });
  const stay = el('input', { type: 'checkbox', change: () => report.stay(stay.checked) });
  stay.checked = report.stays;

  const counts = el('p', { class: 'counts' });
  const said = el('p', { role: 'status', class: 'said' });
  const alarms = el('ul', { class: 'flags' });
  const alarm = part('alarms', 'On this page', alarms);
  const visitor = section('Visitor');
  const decision = section('Decision');
  const pixels = el('ul', { class: 'pixels' });
  const events = eventList(page, report);
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
    part('pixels', 'Pixels', pixels),
    part('test', 'Test event', ...testEvent(report.standard, (text) => (said.textContent = text))),
    events.element,
  );
  const copy = el('button', { type: 'button', click: copyText }, 'Copy');
  const move = el('button', { type: 'button', click: changeSide });
  const fold = el('button', { type: 'button', 'aria-controls': 'body', click: foldOrNot });
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
  setFolded(false);
  root.append(panel);
  addEventListener('resize', place);

  function part(id, title, ...content) {
    return el('section', { 'aria-labelledby': id }, el('h3', { id }, title), ...content);
  }

  function setFolded(folded) {
    const isInside = body.contains(root.activeElement);
    body.hidden = folded;
    fold.textContent = folded ? 'Expand' : 'Collapse';
    fold.setAttribute('aria-expanded', !folded);
    if (folded && isInside) fold.focus();
    place();
  }

  function foldOrNot() {
    setFolded(!body.hidden);
  }

  function changeSide() {
    if (isNarrow()) side.below = !side.below;
    else side.right = !side.right;
    place();
  }

  // The panel lies beside the banner and the way back in, never over them.
  function place() {
    const narrow = isNarrow();
    const across = side.right ? 'left' : 'right';
    const up = side.below ? 'top' : 'bottom';
    move.textContent = `To ${narrow ? up : across}`;
    panel.className = narrow
      ? `sheet ${side.below ? 'below' : 'above'}`
      : `dock ${side.right ? 'right' : 'left'}`;
    const own = panel.getBoundingClientRect();
    let top = 0;
    let bottom = 0;
    for (const one of page.view ? page.view.root.children : []) {
      const box = one.getBoundingClientRect();
      const isBeside = box.left >= own.right || box.right <= own.left;
      if (box.height < 4 || isBeside || one.matches(':modal')) continue;
      const gap = box.width < innerWidth ? 8 : 0;
      if (box.bottom > innerHeight - 24) bottom = Math.max(bottom, innerHeight - box.top + gap);
      else if (box.top < 24) top = Math.max(top, box.bottom + gap);
    }
    const most = innerHeight - 120;
    panel.style.setProperty('--top', `${Math.min(top, most)}px`);
    panel.style.setProperty('--bottom', `${Math.min(bottom, most)}px`);
  }

  async function copyText() {
    const text = asText();
    root.querySelector('textarea')?.remove();
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = 'Copied.';
    } catch {
      // Not on https, or not allowed: then by hand.
      const field = el('textarea', { 'aria-label': 'The report as text', readonly: '', rows: '6' });
      field.value = text;
      setFolded(false);
      said.textContent = 'Press Ctrl+C to copy.';
      said.after(field);
      field.select();
    }
  }

  function draw() {
    const shown = filter.value ? [report.slots[filter.value]] : report.slots;
    const found = report.problems(shown);
    counts.replaceChildren(...report.counts().map(([kind, text]) => chip(kind, text)));
    alarm.hidden = !found.length;
    refill(alarms, found.map(flagItem));
    visitor.fill(report.visitor());
    decision.fill(report.decision());
    refill(pixels, shown.map((one) => pixelItem(page, one)));
    events.draw(shown, flawed.checked);
    place();
  }

  function attach() {
    if (!host.isConnected) document.documentElement.append(host);
  }

  return { draw, attach };
}
