// PageView without a developer: at the start, and at each change of the address in a page that does not
// load anew for it.

import { watch } from './address.js';
import { attempt } from './attempt.js';

/** @param {object} page see loader.js */
export function pageviews(page) {
  let begun;
  let seen;
  // A fragment counts where it looks like a route.
  const address = () =>
    location.pathname + location.search + (/^#[/!]/.test(location.hash) ? location.hash : '');
  const look = () => {
    if (!begun || address() == seen) return;
    seen = address();
    window.pixelgate('track', 'PageView');
  };
  // A task later: the router has put the title in place and taken its detours, and a page that tracks the
  // view by itself has done so.
  const soon = () => setTimeout(() => attempt(look));
  // Until the page is complete it may still track its own first view, and a router may tidy the address.
  const begin = () => {
    if (!begun && seen) seen = address();
    begun = true;
    look();
  };
  page.on('event', ({ name }) => {
    if (name == 'PageView') seen = address();
  });
  const starting = () => setTimeout(() => attempt(begin));
  if (document.readyState == 'complete') starting();
  else addEventListener('load', starting);
  // Who leaves before that has seen the page all the same.
  addEventListener('pagehide', () => attempt(begin));
  document.addEventListener('visibilitychange', () => document.hidden && attempt(begin));
  // Back from the cache of whole pages: a view of the same address.
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return;
    seen = '';
    attempt(look);
  });
  watch(soon);
}
