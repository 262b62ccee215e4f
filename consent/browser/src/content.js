// Content that is not a pixel: scripts that wait for their purposes, and frames that say what they would
// load and from whom. Fetched by the first page that has an element with `data-purpose`.

import { attempt } from './attempt.js';
import { frameGate } from './frames.js';
import { PURPOSES } from './grants.js';
import { scriptGate } from './scripts.js';

/**
 * @param {object} page see loader.js
 * @param {object} said texts, the purposes' names, and the known vendors; see consent/compose.py
 */
export function content(page, said) {
  const told = new WeakMap();

  /** What both kinds of content ask. */
  const gate = {
    /** The purposes that `element` names; undefined, and said so, when it names none or a strange one. */
    purposes(element) {
      const named = element.dataset.purpose.match(/\S+/g) || [];
      const known = (purpose) => purpose == 'necessary' || PURPOSES.includes(purpose);
      if (named.length && named.every(known)) return named;
      gate.refuse(element, 'data-purpose', element.dataset.purpose, `necessary, ${PURPOSES.join(', ')}`);
    },
    granted(purposes) {
      const { grants } = page.outcome();
      return purposes.every((purpose) => purpose == 'necessary' || grants[purpose]);
    },
    /** Tells the page's author, once, why `element` never comes to life. */
    refuse(element, where, found, accepted) {
      const shown = found ? JSON.stringify(found.slice(0, 60)) : 'nothing';
      const fault = `${element.localName} ${where}: found ${shown}; expected ${accepted}`;
      if (told.get(element) != fault) console.warn(`pixelgate: ${fault}`, element);
      told.set(element, fault);
    },
  };

  const frames = frameGate(page, said, gate);
  const scripts = scriptGate(page, gate);
  // Frames first: a vendor's script may look for its own.
  const look = () => {
    attempt(frames);
    attempt(scripts);
  };
  page.on('consent', look);
  document.addEventListener('DOMContentLoaded', look);
  // `src` too: libraries that load late also go by data-src, and know nothing of purposes.
  const watched = { childList: true, subtree: true, attributeFilter: ['data-purpose', 'data-src', 'src'] };
  new MutationObserver(look).observe(document, watched);
  look();
}
