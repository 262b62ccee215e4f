// A site's own statistics, where the law and a lawyer's word let them run before a choice: from the start
// until the visitor refuses analytics or that pixel, or the browser sends Global Privacy Control.

import { attempt } from './attempt.js';

/**
 * @param {object} page see loader.js
 * @param {string[]} keys of the pixels that are meant
 */
export function ownstatistics(page, keys) {
  if (page.gpc) return;
  const early = [];
  const own = page.rack.slots.filter(({ name }) => keys.includes(name));
  const unasked = () => page.outcome()?.why == 'regime';
  for (const slot of own) {
    const { purposes, pixel } = slot;
    const { send } = pixel;
    const had = (slot.had = new WeakSet());
    Object.defineProperty(slot, 'purposes', { get: () => (unasked() ? [] : purposes) });
    // What it has had early comes once more when the visitor chooses, as all other pixels waited for it.
    pixel.send = (name, params, ...rest) => {
      if (!had.has(params)) send.call(pixel, name, params, ...rest);
      had.add(params);
    };
  }
  const tell = () => {
    if (!unasked()) return;
    for (const { state, started, pixel } of own) {
      if (!started || state != started) continue;
      for (const { name, params, id, at } of early) attempt(() => pixel.send(name, params, id, at));
    }
  };
  page.on('event', (event) => {
    early.push(event);
    // All others who listen have heard of it then.
    queueMicrotask(tell);
  });
  page.on('pixel', tell);
}
