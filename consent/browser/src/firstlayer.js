// The first layer: accept and reject side by side, one size, one weight (rule 8).

import { el } from './el.js';

/**
 * @param {object} view the shell
 * @param {object} content see consent/compose.py
 * @param {{click: Function, open: Function}} visitor
 * @returns {{draw: (kind: 'banner'|'notice') => void, close: () => void}}
 */
export function firstLayer(view, content, visitor) {
  const html = document.documentElement;
  let layer;

  function close() {
    if (layer) html.style.scrollPaddingBottom = '';
    if (layer) layer.remove();
    layer = null;
  }

  function draw(kind) {
    const texts = content[kind];
    const modal = content.layout == 'dialog' && kind == 'banner';
    const button = (action, click) =>
      el('button', { type: 'button', class: 'choice', 'data-action': action, click }, texts[action]);
    const close = { type: 'button', class: 'x', 'data-action': 'close', 'aria-label': content.close };
    layer = el(
      modal ? 'dialog' : 'section',
      {
        class: 'first ' + content.layout,
        role: modal ? 'dialog' : 'region',
        'aria-modal': modal || null,
        'aria-label': content.region,
        // Escape decides nothing, so a modal first layer stays.
        cancel: (event) => event.preventDefault(),
      },
      el(
        'div',
        { class: 'words' },
        el('h2', { tabindex: -1, autofocus: modal }, texts.title),
        el('p', {}, texts.text),
        content.close && el('p', {}, content.close_note),
        el(
          'p',
          { class: 'links' },
          content.privacy && el('a', { href: content.privacy }, content.policy),
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
      content.close && el('button', { ...close, click: () => visitor.click('close', () => 0) }, '×'),
    );
    view.root.prepend(layer);
    if (modal) layer.showModal();
    // What has the focus on the page must not lie under the bar (WCAG 2.2, 2.4.11).
    else html.style.scrollPaddingBottom = layer.offsetHeight + 'px';
  }

  return { draw, close };
}
