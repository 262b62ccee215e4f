// Events in dataLayer, for triggers and variables of Google Tag Manager. The commands of Consent Mode are
// consentmode.js's own: these are for tags that do not understand it.

import { PURPOSES } from './grants.js';

/** @param {object} page see loader.js */
export function datalayer(page) {
  const { regime, version } = page.config;
  const push = (event, more) => {
    const { grants, refused } = page.outcome();
    const layer = (window.dataLayer = window.dataLayer || []);
    // What an object leaves out keeps its old value there, so that of a withdrawn campaign goes first.
    if (page.campaign) layer.push({ pixelgate: { campaign: undefined } });
    const pixelgate = {
      ...more,
      grants: { ...grants },
      // As texts, which a condition in Tag Manager can search. Every push names all of them, as what
      // it leaves out keeps its old value there.
      granted: ['necessary', ...PURPOSES.filter((purpose) => grants[purpose])].join(),
      refused: refused.join(),
      gpc: page.gpc,
      model: regime.model,
      version,
      ...(page.campaign && { campaign: page.campaign() }),
    };
    layer.push({ event, pixelgate });
  };
  page.on('consent', () => push('pixelgate_consent'));
  page.on('decision', ({ action }) => push('pixelgate_decision', { action }));
}
