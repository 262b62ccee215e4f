// A store's own code for its own pixels. Each takes the place of the pixel that brought it, once that is
// released, and meets the events that came meanwhile, in order.

/**
 * @param {object} page see loader.js
 * @param {Object<string, Function>} own what makes each pixel, by its name; see snippets/README.md
 */
export function custom({ rack }, own) {
  for (const slot of rack.slots) {
    const { calls } = slot.pixel || {};
    if (!calls || !Object.hasOwn(own, slot.name)) continue;
    const begin = () => {
      slot.pixel = own[slot.name](slot.page);
      slot.pixel.start();
      for (const call of calls) slot.pixel.send(...call);
    };
    // Consent may have gone while this was on its way.
    if (slot.state == slot.started) begin();
    else slot.pixel.grant = begin;
  }
}
