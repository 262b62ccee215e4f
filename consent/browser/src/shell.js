// The one host element of everything that a visitor sees, and the small way back in.

import { el } from './el.js';
import shellCss from './shell.css';

/**
 * @param {object} config
 * @param {() => void} open
 * @returns {object} the view, which stands nowhere yet: `attach` puts it into the page
 */
export function shell(config, open) {
  // No div: frameworks that take a page over would take it for the page's own first one.
  const host = el('span', { id: 'pixelgate', lang: config.language, dir: config.dir });
  const root = host.attachShadow({ mode: 'open' });
  const view = {
    root,
    style(text) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      root.adoptedStyleSheets.push(sheet);
    },
    link: () => el('button', { type: 'button', 'data-action': 'open', click: open }, config.entry),
    /** Pages that draw themselves anew take the host away. */
    attach: () => host.isConnected || document.body.prepend(host),
  };
  view.style(shellCss + (config.theme || ''));
  view.entry = el('span', { class: 'entry' }, view.link());
  root.append(view.entry);
  return view;
}
