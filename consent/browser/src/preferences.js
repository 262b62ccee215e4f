// The second layer: one switch for each purpose, and under it the services that it lets in.

import { el } from './el.js';

/**
 * @param {object} view the shell
 * @param {object} content see consent/compose.py
 * @param {{grants: Function, locked: string[], click: Function}} visitor `locked`: what GPC holds off
 * @returns {{open: () => void, close: () => void}}
 */
export function preferences(view, content, visitor) {
  const texts = content.choices;
  let dialog;
  let back;

  function close() {
    if (!dialog) return;
    dialog.close();
    dialog.remove();
    dialog = null;
    if (back && back.isConnected) back.focus({ preventScroll: true });
  }

  function purpose({ key, title, text, services }) {
    const id = 'purpose-' + key;
    const fixed = key == 'necessary';
    const off = visitor.locked.includes(key);
    const toggle = el('input', {
      type: 'checkbox',
      role: 'switch',
      id,
      'data-purpose': key,
      'aria-describedby': id + '-text',
    });
    toggle.checked = fixed || visitor.grants()[key];
    toggle.disabled = fixed || off;
    return el(
      'li',
      {},
      el(
        'div',
        { class: 'purpose' },
        el('label', { for: id }, title),
        fixed && el('small', {}, texts.always),
        toggle,
      ),
      el('p', { id: id + '-text' }, text),
      off && el('p', {}, content.gpc),
      !fixed && serviceList(services),
    );
  }

  function serviceList(services) {
    if (!services.length) return el('p', {}, texts.none);
    const lines = services.map(({ name, vendor, privacy }) =>
      el(
        'li',
        {},
        el('strong', {}, name),
        ` · ${vendor} · `,
        el('a', { href: privacy, rel: 'noopener', target: '_blank' }, content.policy),
      ),
    );
    const summary = el('summary', {}, `${texts.services} (${services.length})`);
    return el('details', {}, summary, el('ul', {}, ...lines));
  }

  function open() {
    if (dialog) return;
    back = view.root.activeElement || document.activeElement;
    const button = (action, chosen, keep) =>
      el(
        'button',
        { type: 'button', class: 'choice', 'data-action': action, click: () => visitor.click(chosen, keep) },
        texts[action],
      );
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
      el('header', {}, title, el('button', { ...x, click: close }, '×')),
      el(
        'div',
        { class: 'scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'title' },
        el('p', {}, texts.text),
        el('ul', { class: 'purposes' }, ...content.purposes.map(purpose)),
      ),
      el(
        'div',
        { class: 'choices' },
        button('reject', 'reject_all', () => 0),
        // Where the signal holds a purpose off, no button says that it accepts all.
        !visitor.locked.length && button('accept', 'accept_all', () => 1),
        button('save', 'save', (key) => dialog.querySelector(`[data-purpose=${key}]`).checked),
      ),
    );
    view.root.append(dialog);
    dialog.showModal();
    title.focus();
  }

  return { open, close };
}
