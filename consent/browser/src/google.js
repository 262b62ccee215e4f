// How Google's tags behave while consent is denied: two settings, and Consent Mode "advanced", in which a
// refused tag goes on with pings that read and write no cookie. The service lets it be advanced only
// where store and law both say so (consent/decide.py).

import { attempt } from './attempt.js';
import { sweep } from './sweep.js';

/** What a pixel's `limit` says when its library is held by Consent Mode; consent/platforms.py has its twin. */
const BY_CONSENT_MODE = 1;

/**
 * @param {object} page see loader.js
 * @param {string[]} settings names of `gtag('set', name, true)`
 * @param {boolean} advanced
 */
export function google(page, settings, advanced) {
  const layer = (window.dataLayer = window.dataLayer || []);
  function gtag() {
    layer.push(arguments);
  }
  for (const name of settings) gtag('set', name, true);
  if (!advanced) return;
  const slots = () => page.rack.slots.filter(({ limit }) => limit == BY_CONSENT_MODE);
  // The update that came before is all that this library needs: it goes on, limited or not, on the page
  // that it runs on. Others have to be loaded anew for that.
  page.on('pixel', () => {
    for (const slot of slots()) {
      if (!slot.started || slot.state == 'blocked' || slot.state == slot.started) continue;
      slot.started = slot.state;
      slot.pixel.grant();
    }
  });
  // A limited library writes nothing; what it wrote before the refusal goes.
  const clean = () => {
    for (const { state, traces } of slots()) if (state == 'limited') attempt(() => sweep(traces, true));
  };
  page.on('consent', clean);
  addEventListener('pagehide', clean);
}
