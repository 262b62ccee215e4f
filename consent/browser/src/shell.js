// The one host element of everything that a visitor sees, and the small way back in.

import { el } from './el.js';
import shellCss from './shell.css';

/**
 * @param {object} config
 * @param {boolean} gpc the opt-out signal was seen, and it is shown that it was honoured
 * @param {() => void} open
 */
export function shell(config, gpc, open) {
  const host = el('div', { id: 'pixelgate', lang: config.language, dir: config.dir });
  const root = host.attachShadow({ mode: 'open' });
  const style = (text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  };
  style(shellCss);
  // The opt-out icon that goes with "Your Privacy Choices" (11 CCR 7015): a pill, a check, a cross.
  const icon = () => el('i', { 'aria-hidden': 'true' }, el('b', {}, '✓'), '✕');
  const link = () =>
    el('button', { type: 'button', 'data-action': 'open', click: open }, config.icon && icon(), config.entry);
  const entry = el('div', { class: 'entry' }, link(), gpc && el('span', { role: 'status' }, config.honoured));
  /** Pages that draw themselves anew take the host away. */
  const attach = () => host.isConnected || document.body.prepend(host);
  root.append(entry);
  attach();
  return { root, style, link, entry, attach };
}
