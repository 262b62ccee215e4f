// The store's registered pixels on this page: started, fed, revoked and swept as the outcome says.

import { attempt } from './attempt.js';
import { pixelState } from './decide.js';
import { sweep } from './sweep.js';
import { mapped } from './typed.js';

/**
 * @param {Array} slots {name, purposes, traces, map, pixel, limit, reload}; `name` is the platform's,
 *  traces: see sweep.js, map: see typed.js; `pixel` makes it, given what a pixel may use; `limit` is there where the store limits the vendor's use after an opt-out, and the vendor
 *  can be limited; `reload` where no call of the vendor's stops a library that runs
 * @param {string} model the regime's
 * @param {(url: string) => HTMLScriptElement} load inserts a script once
 * @param {(name: 'pixel', detail: {pixel: string, state: string}) => void} emit told of every change
 */
export function pixelRack(slots, model, load, emit) {
  for (const slot of slots) {
    slot.pixel = slot.pixel((slot.page = { load, mapped: (params) => mapped(params, slot.map) }));
  }
  let all;
  const clean = () => slots.forEach((slot) => slot.state == 'blocked' && sweep(slot.traces, all));
  // Libraries that ran may write again until the page is left.
  addEventListener('pagehide', clean);

  return {
    slots,
    /**
     * Brings every pixel into the state that `outcome` allows. What a pixel that may not run has left
     * goes, whenever it was left: libraries write on, and a decision may have run out meanwhile.
     */
    apply(outcome, gpc) {
      for (const slot of slots) {
        const state = pixelState(outcome, slot.purposes, slot.limit, model, gpc, slot.name);
        if (state == slot.state) continue;
        slot.state = state;
        attempt(move, slot);
        emit('pixel', { pixel: slot.name, state });
      }
      clean((all = outcome.why != 'regime'));
    },
    /** Gives an event to every pixel that may have it at this moment. */
    deliver(event) {
      for (const slot of slots) {
        if (slot.state == slot.started) attempt(() => slot.pixel.send(event.name, event.params, event.id, event.at));
      }
    },
  };
}

// `started` is the state a pixel's library was loaded in. Limited use has to be said before the
// library's first call, so a change from one to the other waits for the next page.
function move(slot) {
  const { state, started, pixel } = slot;
  if (started) {
    state == started ? pixel.grant() : pixel.revoke();
  } else if (state != 'blocked') {
    slot.page.limit = state == 'limited' && slot.limit;
    slot.started = state;
    pixel.start();
  }
}
