// The first layer: accept and reject side by side, one size, one weight (rule 8).

import { el } from './el.js';

/**
 * @param {object} view the shell
 * @param {object} content see consent/compose.py
 * @param {{click: Function, open: Function, near: Function}} visitor `near`: may want the second layer
 * @returns {{draw: (kind: 'banner'|'notice') => void, guard: () => void, close: () => void}} `guard`: what
 *  the first frame need not wait for
 */
export function firstLayer(view, content, visitor) {
  const html = document.documentElement;
  const own = html.style.scrollPaddingBottom;
  let layer;
  let watch;

  function guard() {
    if (!layer || watch) return;
    layer.addEventListener('pointerover', visitor.near);
    layer.addEventListener('focusin', visitor.near);
    if (layer.matches('dialog')) return;
    document.addEventListener('focusin', uncover);
    // What scrolls into view must not stop behind us; the shop may need more room than we do.
    watch = new ResizeObserver(() => {
      html.style.scrollPaddingBottom = own;
      const theirs = parseFloat(getComputedStyle(html).scrollPaddingBottom) || 0;
      html.style.scrollPaddingBottom = Math.max(theirs, layer.offsetHeight) + 'px';
    });
    watch.observe(layer);
  }

  function close() {
    if (!layer) return;
    watch?.disconnect();
    watch = null;
    html.style.scrollPaddingBottom = own;
    document.removeEventListener('focusin', uncover);
    layer.remove();
    layer = null;
  }

  // What has the focus on the page must not lie under us (WCAG 2.2, 2.4.11): the page scrolls, and
  // what does not scroll along, or has no more way to go, makes us change sides.
  function uncover({ target }) {
    const hidden = () => {
      const a = layer.getBoundingClientRect();
      const b = target.getBoundingClientRect();
      const over = a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
      // Whole pixels, and away from us: half a one would be under us for ever.
      return over && (layer.matches('.top') ? Math.floor(b.top - a.bottom) : Math.ceil(b.bottom - a.top));
    };
    const move = () => scrollBy({ top: hidden(), behavior: 'instant' });
    // Clicks in our own layer come from the host.
    if (target.shadowRoot == view.root || !hidden()) return;
    move();
    if (!hidden()) return;
    layer.classList.toggle('top');
    if (hidden()) move();
  }

  function draw(kind) {
    const texts = content[kind];
    const modal = content.layout == 'dialog' && kind == 'banner';
    // A notice covers nothing, so its dialog is a bar.
    const layout = modal || content.layout == 'box' ? content.layout : 'bar';
    const words = (text) => el('span', {}, text);
    const button = (action, click) =>
      el('button', { type: 'button', class: 'choice', 'data-action': action, click }, words(texts[action]));
    const refuse = () => visitor.click('close', () => 0);
    const x = { type: 'button', class: 'x', 'data-action': 'close', 'aria-label': content.close };
    layer = el(
      modal ? 'dialog' : 'section',
      {
        class: 'first ' + layout,
        role: modal ? 'dialog' : 'region',
        'aria-modal': modal || null,
        'aria-label': content.region,
        // Escape is the cross where the regime has one; elsewhere it decides nothing, and a modal
        // first layer stays.
        cancel: (event) => event.preventDefault(),
        keydown: (event) => event.key == 'Escape' && content.close && refuse(),
      },
      el(
        'div',
        { class: 'words' },
        content.logo && el('img', { src: content.logo, alt: '', error: ({ target }) => target.remove() }),
        el('h2', { tabindex: -1, autofocus: modal }, words(texts.title)),
        el('p', {}, words(texts.text)),
        content.close && el('p', {}, words(content.close_note)),
        el(
          'p',
          { class: 'links' },
          content.privacy && el('a', { href: content.privacy }, words(content.policy)),
          kind == 'notice' && view.link(),
        ),
      ),
      el(
        'div',
        { class: 'choices' },
        button('reject', () => visitor.click('reject_all', () => 0)),
        button('accept', () => visitor.click('accept_all', () => 1)),
        kind == 'banner' && button('choose', visitor.open),
      ),
      content.close && el('button', { ...x, click: refuse }, '×'),
    );
    view.root.prepend(layer);
    if (modal) layer.showModal();
  }

  return { draw, guard, close };
}
