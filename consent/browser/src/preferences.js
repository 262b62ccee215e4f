// The second layer: one switch for each purpose, and under it one for each service that it lets in,
// with what the service is, to whom it talks and what it leaves on the device.

import css from './preferences.css';
import { el } from './el.js';

const DAWDLE = 60000; // milliseconds that a browser may take to save a file

/**
 * @param {object} page see loader.js
 * @param {object} content see consent/compose.py
 */
export function preferences(page, content) {
  const texts = content.choices;
  const { view } = page;
  let dialog;
  let back;
  // The services that are off by themselves, and what keeps their switches true to that.
  let off;
  let rows;

  function close() {
    if (!dialog) return;
    dialog.close();
    dialog.remove();
    dialog = null;
    if (back && back.isConnected) back.focus({ preventScroll: true });
  }

  function toggle(id, attributes, disabled, change) {
    const input = el('input', { type: 'checkbox', role: 'switch', id, ...attributes, change });
    input.disabled = disabled;
    return input;
  }

  // A purpose carries its services along, but for those that were switched off by themselves.
  function purpose(desk, { key, title, text, services, stored }) {
    const id = 'purpose-' + key;
    const fixed = key == 'necessary';
    const locked = desk.locked.includes(key);
    const attributes = { 'data-purpose': key, 'aria-describedby': id + '-text' };
    const own = toggle(id, attributes, fixed || locked, () => {
      if (own.checked) services.forEach((one) => off.delete(one.key));
      update();
    });
    own.checked = fixed || page.outcome().grants[key];
    const pixels = services.map((one) => {
      const pixel = toggle('pixel-' + key + '-' + one.key, { 'data-pixel': one.key }, locked, () => {
        // A service that is switched on brings its purpose, but none of those beside it.
        if (pixel.checked && !own.checked) services.filter(({ key }) => !isOn(key)).forEach(({ key }) => off.add(key));
        if (pixel.checked) off.delete(one.key);
        else off.add(one.key);
        own.checked ||= pixel.checked;
        update();
      });
      rows.push(() => (pixel.checked = own.checked && !off.has(one.key)));
      return pixel;
    });
    return el(
      'li',
      {},
      el('div', { class: 'line' }, el('label', { for: id }, title), fixed && el('small', {}, texts.always), own),
      el('p', { id: id + '-text' }, text),
      locked && el('p', {}, content.gpc),
      !fixed && serviceList(services, pixels),
      stored && el('p', {}, texts.stored + ': ', ...stored.flatMap(kept)),
    );
  }

  function isOn(service) {
    return dialog.querySelector(`[data-pixel="${service}"]:checked`);
  }

  function update() {
    rows.forEach((row) => row());
  }

  function kept([trace, lifetime]) {
    return [el('code', { dir: 'ltr' }, trace), ` ${lifetime}`];
  }

  function serviceList(services, pixels) {
    if (!services.length) return el('p', {}, texts.none);
    return el(
      'details',
      {},
      el('summary', {}, `${texts.services} (${services.length})`),
      el('ul', {}, ...services.map((one, i) => service(one, pixels[i]))),
    );
  }

  function service({ name, vendor, privacy, hosts, stored }, pixel) {
    const row = (term, ...values) => [el('dt', {}, term), el('dd', {}, ...values)];
    // Names keep to themselves: their full stops and stars stay on their own side where one reads leftward.
    const places = hosts.flatMap((host) => [', ', el('bdi', { dir: 'ltr' }, host)]).slice(1);
    const policy = el('a', { href: privacy, rel: 'noopener', target: '_blank' }, content.policy);
    return el(
      'li',
      {},
      el('div', { class: 'line' }, el('label', { for: pixel.id }, el('bdi', {}, name)), pixel),
      el(
        'dl',
        {},
        ...row(texts.provider, el('bdi', {}, vendor), ' · ', policy),
        ...row(texts.hosts, ...places),
        ...(stored.length ? row(texts.stored, el('ul', {}, ...stored.map((one) => el('li', {}, ...kept(one))))) : []),
      ),
    );
  }

  // The visitor's own proof. The file goes to whoever knows the cookie's random id, and to nobody else.
  function receipt() {
    const decided = page.decided();
    const said = content.receipt;
    if (!said || !decided?.id || decided.waits) return;
    const { id, visitor } = decided;
    const date = new Date(decided.at * 1000).toLocaleDateString(page.config.language, { dateStyle: 'long' });
    const status = el('p', { role: 'status' });
    const download = async () => {
      status.textContent = '';
      try {
        const response = await fetch(`${page.base}/receipts/${id}`, {
          method: 'POST',
          headers: { 'Content-Type': 'text/plain' },
          body: JSON.stringify({ visitor }),
          credentials: 'omit',
        });
        if (!response.ok) throw response.status;
        const href = URL.createObjectURL(await response.blob());
        el('a', { href, download: `receipt-${id}.json` }).click();
        setTimeout(() => URL.revokeObjectURL(href), DAWDLE);
      } catch {
        status.textContent = said.failed;
      }
    };
    const verifier = new URL('/log/verify', page.base).href;
    const link = el('a', { href: verifier, rel: 'noopener', target: '_blank', dir: 'ltr' }, verifier.split('://')[1]);
    return el(
      'div',
      { class: 'receipt' },
      el('p', {}, ...filled(said.line, { date, number: el('code', { dir: 'ltr' }, id) })),
      el('button', { type: 'button', 'data-receipt': id, click: download }, said.download),
      status,
      el('p', {}, ...filled(said.text, { address: link })),
    );
  }

  /** `text` with what stands in its braces put in, texts or elements. */
  function filled(text, values) {
    return text.split(/{(\w+)}/).map((piece, i) => (i % 2 ? values[piece] : piece));
  }

  function open(desk) {
    if (dialog) return;
    back = view.root.activeElement || document.activeElement;
    const button = (action, click) =>
      el('button', { type: 'button', class: 'choice', 'data-action': action, click }, texts[action]);
    const granted = (key) => dialog.querySelector(`[data-purpose="${key}"]`)?.checked;
    const save = () => {
      const named = ({ name, purposes }) => off.has(name) && purposes.every(granted);
      const refused = page.rack.slots.filter(named).map(({ name }) => name);
      desk.click('save', granted, [...new Set(refused)]);
    };
    off = new Set(page.outcome().refused);
    rows = [];
    const x = { type: 'button', class: 'x', 'data-action': 'close', 'aria-label': texts.close };
    const title = el('h2', { id: 'title', tabindex: '-1' }, texts.title);
    dialog = el(
      'dialog',
      {
        class: 'preferences',
        role: 'dialog',
        'aria-labelledby': 'title',
        'aria-modal': 'true',
        // Escape closes and decides nothing.
        cancel: (event) => {
          event.preventDefault();
          close();
        },
      },
      el('div', { class: 'head' }, title, el('button', { ...x, click: close }, '×')),
      el(
        'div',
        { class: 'scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'title' },
        el('p', {}, texts.text),
        el('ul', { class: 'purposes' }, ...content.purposes.map((one) => purpose(desk, one))),
        receipt(),
      ),
      el(
        'div',
        { class: 'choices' },
        button('reject', () => desk.click('reject_all', () => 0)),
        // Where the signal holds a purpose off, no button says that it accepts all.
        !desk.locked.length && button('accept', () => desk.click('accept_all', () => 1)),
        button('save', save),
      ),
    );
    update();
    view.root.append(dialog);
    dialog.showModal();
    title.focus();
  }

  view.style(css);
  page.atDesk((desk) => desk.seatSecond({ open: () => open(desk), close }));
}
