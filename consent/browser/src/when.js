// Waits for what another script of the page brings, before us or long after us.

import { attempt } from './attempt.js';

/** Calls `then` once: now or as soon as `there()` says yes, which is asked when anything has loaded. */
export function when(there, then) {
  const look = () => {
    if (!there()) return;
    document.removeEventListener('load', look, true);
    removeEventListener('load', look);
    document.removeEventListener('DOMContentLoaded', look);
    attempt(then);
  };
  // A script's own load event does not bubble, but it is captured on its way.
  document.addEventListener('load', look, true);
  addEventListener('load', look);
  document.addEventListener('DOMContentLoaded', look);
  look();
}
