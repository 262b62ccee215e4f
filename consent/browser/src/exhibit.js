// A layer drawn once more from what the ledger keeps, by the code that drew it for the visitor. Its
// buttons do nothing, and nothing is asked of any network.

import css from './choices.css';
import { firstLayer } from './firstlayer.js';
import { shell } from './shell.js';

/**
 * @param {object} content what was shown, as the ledger keeps it
 * @param {{layer: 'banner'|'notice'|'second', language: string, dir: string, entry: string, theme: string,
 *   locked: string[], grants: object, refused: string[]}} shown
 * @param {Function} preferences the second layer, which is a part of its own
 */
export function exhibit(content, shown, preferences) {
  const nothing = () => {};
  const view = shell(shown, nothing);
  view.style(css);
  view.attach();
  if (shown.layer != 'second') {
    view.entry.hidden = true;
    firstLayer(view, content, { click: nothing, open: nothing, near: nothing }).draw(shown.layer);
    return;
  }
  const desk = { content, locked: shown.locked, click: nothing, seatSecond: ({ open }) => open() };
  const page = {
    view,
    decided: nothing, // the receipt in the second layer is the visitor's own
    outcome: () => shown,
    rack: { slots: [] },
    atDesk: (then) => then(desk),
  };
  preferences(page, content);
}
