// <iframe data-src="https://..." data-purpose="marketing">: a placeholder says what would load and from
// whom, until its purposes are granted or the visitor asks for this one frame.

import { attempt } from './attempt.js';
import css from './content.css';
import { el } from './el.js';

/**
 * @param {object} page see loader.js
 * @param {object} said see consent/compose.py
 * @param {object} gate see content.js
 * @returns {() => void} brings every frame into the state that it should have
 */
export function frameGate(page, said, gate) {
  const { config } = page;
  const held = page.gpc && config.regime.wins ? config.off : [];
  // What this place does not offer, no button grants.
  const locked = [...held, ...(said.never || [])];
  const states = new WeakMap();

  function tend(frame) {
    const purposes = gate.purposes(frame);
    const url = purposes && addressOf(frame);
    if (!url) return;
    let state = states.get(frame);
    if (!state) {
      states.set(frame, (state = {}));
      // Firefox puts another empty document in the place of the first one.
      frame.addEventListener('load', () => attempt(tend, frame));
    }
    const { href } = url;
    const granted = gate.granted(purposes);
    if (granted) state.once = '';
    if (granted || state.once == href) {
      if (state.loaded != href && !page.moved()) put(frame, state, href);
      return;
    }
    if (['src', 'srcdoc', 'sandbox'].some((name) => frame.hasAttribute(name))) put(frame, state, '');
    const about = href + ' ' + purposes;
    if (state.about == about && state.inside == frame.contentDocument) return;
    state.about = about;
    state.inside = frame.contentDocument;
    if (state.inside) draw(frame, state, url, purposes);
  }

  function addressOf(frame) {
    const { src = '' } = frame.dataset;
    try {
      const url = new URL(src, document.baseURI);
      if (src.trim() && /^https?:$/.test(url.protocol)) return url;
    } catch {
      // no address
    }
    gate.refuse(frame, 'data-src', src, 'an http or https address');
  }

  // A frame that is put in once more begins anew: with our empty document, or with the vendor's as its
  // first. So neither leaves an entry in the history, and the browser, which on the way back to a page
  // fills the frames that came with it, finds none to fill with what consent no longer covers. A sandbox
  // would keep us out of our own document; it is back before the vendor's comes.
  function put(frame, state, href) {
    const focused = document.activeElement == frame;
    const { parentNode, nextSibling } = frame;
    frame.remove();
    frame.removeAttribute('srcdoc');
    if (href) frame.src = href;
    else frame.removeAttribute('src');
    rename(frame, ...(href ? ['data-sandbox', 'sandbox'] : ['sandbox', 'data-sandbox']));
    parentNode.insertBefore(frame, nextSibling);
    state.loaded = href;
    if (focused) frame.focus({ preventScroll: true });
  }

  function rename(frame, from, to) {
    if (!frame.hasAttribute(from)) return;
    frame.setAttribute(to, frame.getAttribute(from));
    frame.removeAttribute(from);
  }

  // The placeholder is drawn in the frame itself, so its box is the frame's own, however the page sizes
  // it, and nothing moves, neither now nor when the content comes.
  function draw(frame, state, url, purposes) {
    const { host } = url;
    const embed = said.embeds.find((one) => one[3].some((place) => covers(place, url)));
    const [name, vendor, privacy] = embed || [host, host];
    const asked = purposes.filter((purpose) => purpose != 'necessary');
    const names = asked.map((purpose) => said.purposes[purpose]);
    const purpose = new Intl.ListFormat(config.language).format(names);
    // Names are written from left to right, also within a text that is not.
    const isolated = (text) => (config.dir == 'rtl' ? `\u2068${text}\u2069` : text);
    const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => isolated(values[key]));
    const title = fill(said.title, { vendor: name });
    const note = el('p', { class: 'note' }, fill(said.always_note, { purpose }));
    const button = (action, click) =>
      el('button', { type: 'button', 'data-action': action, click }, said[action]);
    // A service that the visitor asks for needs no consent and leaves no record (ePrivacy Directive, article 5(3)).
    const once = () => {
      state.once = url.href;
      tend(frame);
    };
    const always = () => {
      note.textContent = said.waiting;
      page.atDesk((desk) => {
        const { grants, refused } = page.outcome();
        desk.click('save', (one) => grants[one] || asked.includes(one), refused);
      });
    };
    const free = !asked.some((one) => locked.includes(one));
    const { documentElement, body } = state.inside;
    documentElement.lang = config.language;
    documentElement.dir = config.dir || 'ltr';
    state.inside.title = title;
    if (!frame.title) frame.title = title;
    const sheet = new frame.contentWindow.CSSStyleSheet();
    sheet.replaceSync(css + (config.theme || '').replaceAll(':host(#pixelgate)', ':root'));
    state.inside.adoptedStyleSheets = [sheet];
    body.replaceChildren(
      el(
        'div',
        {},
        el('p', { class: 'title' }, title),
        el('p', {}, fill(said.text, { host, vendor })),
        el('div', { class: 'choices' }, button('once', once), free && button('always', always)),
        free && note,
        privacy && el('p', {}, el('a', { href: privacy, rel: 'noopener', target: '_blank' }, `${said.policy} (${isolated(vendor)})`)),
      ),
    );
  }

  /** Whether `place`, a host or `*.host`, with or without a path, is where `url` leads. */
  function covers(place, { hostname, pathname }) {
    const [, any, host, path] = /^(\*)?([^/]+)(.*)/.exec(place);
    return (any ? hostname.endsWith(host) : hostname == host) && (pathname + '/').startsWith(path + '/');
  }

  return () => document.querySelectorAll('iframe[data-purpose]').forEach((frame) => attempt(tend, frame));
}
