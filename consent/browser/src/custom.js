// A store's own code for its own pixels. Each takes the place of the pixel that brought it, once that is
// released, and meets the events that came meanwhile, in order.

import { attempt } from './attempt.js';

/**
 * @param {object} page see loader.js
 * @param {Object<string, () => Function>} own what makes each pixel, by its name; see snippets/README.md
 */
export function custom(page, own) {
  // Consent may have gone while this was on its way, in another tab too.
  page.moved();
  for (const slot of page.rack.slots) {
    const first = slot.pixel;
    if (!first?.calls || !Object.hasOwn(own, slot.name)) continue;
    const begin = () => {
      const made = own[slot.name]()(slot.page);
      slot.pixel = made;
      made.start();
      for (const [event, params, ...rest] of first.calls.splice(0)) {
        // Where the visit came from, as far as it is granted now.
        if (params.campaign) params.campaign = page.campaign?.();
        made.send(event, params, ...rest);
      }
    };
    if (slot.state == slot.started) attempt(begin);
    else first.start = first.grant = begin;
  }
}
