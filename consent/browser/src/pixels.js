// The store's registered pixels on this page: started, fed, revoked and swept as the outcome says.

import { pixelState } from './decide.js';
import { sweep } from './sweep.js';
import { defined } from './typed.js';

/**
 * @param {Array} registered [platform, purposes, traces, factory, limit]; `limit` is there where the
 *  store limits the vendor's use after an opt-out, and the vendor can be limited
 * @param {string} model the regime's
 * @param {(url: string) => HTMLScriptElement} load inserts a script once
 * @param {(pixel: string, state: string) => void} changed
 */
export function pixelRack(registered, model, load, changed) {
  const rack = registered.map(([name, purposes, traces, factory, limit]) => {
    const page = { load, defined, limit: null };
    return { name, purposes, traces, limit, page, pixel: factory(page) };
  });
  // Libraries that ran may write again until the page is left.
  addEventListener('pagehide', () => rack.forEach((slot) => slot.swept && sweep(slot.traces)));

  return {
    /** Brings every pixel into the state that `outcome` allows. */
    apply(outcome, gpc) {
      for (const slot of rack) {
        const state = pixelState(outcome, slot.purposes, slot.limit, model, gpc);
        if (state != slot.state) {
          slot.state = state;
          guard(slot, () => move(slot));
          changed(slot.name, state);
        }
        slot.swept = state == 'blocked' && outcome.why != 'regime';
        if (slot.swept) sweep(slot.traces);
      }
    },
    /** Gives an event to every pixel that may have it at this moment. */
    deliver(event) {
      for (const slot of rack) {
        if (slot.state != slot.started) continue;
        guard(slot, () => slot.pixel.send(event.name, event.params, event.id, event.at));
      }
    },
  };
}

// `started` is the state a pixel's library was loaded in. Limited use has to be said before the
// library's first call, so a change from one to the other waits for the next page.
function move(slot) {
  const { state, started, pixel } = slot;
  if (started) {
    if (state == started) pixel.grant();
    else pixel.revoke();
  } else if (state != 'blocked') {
    slot.page.limit = state == 'limited' ? slot.limit : null;
    slot.started = state;
    pixel.start();
  }
}

// A broken pixel must not stop its neighbours, nor the shop.
function guard(slot, work) {
  try {
    work();
  } catch (error) {
    console.error('pixelgate:', slot.name, error);
  }
}
